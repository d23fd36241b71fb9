"""Small networks of MONAI for tests: random weights and statistics, never trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.foreign.build import build_foreign
from napari_bayesseg.networks.foreign.spec import ForeignSpec
from napari_bayesseg.posteriors.network import padded_shape

pytest.importorskip("monai")

UNET: dict[str, Any] = {
    "channels": [4, 8, 8],
    "strides": [2, 2],
    "num_res_units": 1,
    "norm": "batch",
    "dropout": 0.2,
}
DYNUNET: dict[str, Any] = {
    "kernel_size": [[1, 3, 3], 3, 3],
    "strides": [1, [1, 2, 2], 2],
    "upsample_kernel_size": [[1, 2, 2], 2],
    "filters": [4, 8, 8],
    "norm_name": "batch",
    "dropout": 0.2,
    "res_block": True,
}
SEGRESNET: dict[str, Any] = {
    "init_filters": 8,
    "norm": "batch",
    "dropout_prob": 0.3,
    "blocks_down": [1, 1, 1],
    "blocks_up": [1, 1],
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "monai.UNet": UNET,
    "monai.VNet": {},
    "monai.DynUNet": DYNUNET,
    "monai.SegResNet": SEGRESNET,
}


def foreign_spec(name: str, num_classes: int = 3, **changes: Any) -> ForeignSpec:
    arguments = {**ARGUMENTS[name], **changes}
    return ForeignSpec.model_validate(
        {"network": name, "num_classes": num_classes, "arguments": arguments}
    )


def foreign_network(name: str, num_classes: int = 3, seed: int = 0, **changes: Any) -> nn.Module:
    """A network with running statistics of its own, whose softmax is not saturated."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build_foreign(foreign_spec(name, num_classes, **changes))
        for module in network.modules():
            if isinstance(module, nn.BatchNorm3d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_(0.0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
        with torch.no_grad():
            side = 16 if name == "monai.VNet" else 48  # a multiple of every stride of the tests
            spread = network(torch.randn(1, 1, side, side, side)).std()
            last = [m for m in network.modules() if isinstance(m, nn.Conv3d | nn.ConvTranspose3d)]
            last[-1].weight.div_(spread.clamp_min(1e-3))
    return network


def padded_scan(shape: Index3, stride: Index3, seed: int = 0) -> np.ndarray:
    scan = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    extent = padded_shape(shape, stride)
    missing = [(0, p - n) for p, n in zip(extent, shape, strict=True)]
    return np.pad(scan, missing, mode="edge")


class Reader:
    """Gives boxes of a padded scan and remembers which."""

    def __init__(self, shape: Index3, stride: Index3) -> None:
        self.scan = padded_scan(shape, stride)
        self.boxes: list[Roi] = []

    def __call__(self, roi: Roi) -> np.ndarray:
        self.boxes.append(roi)
        return np.ascontiguousarray(self.scan[roi.slices])


def save_weights(path: Path, name: str, **changes: Any) -> Path:
    torch.save(foreign_network(name, **changes).state_dict(), path)
    return path
