from __future__ import annotations

from typing import Any

import dask.array
import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_bayesseg.core.errors import BayesSegError, FormatError, GeometryError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.gui.train.layer_pair import is_labels, layer_pair

pytestmark = pytest.mark.viewer

SHAPE = (4, 6, 8)
GREY = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
CLASSES = (GREY > 0).astype(np.uint8)
PLACE: dict[str, Any] = {"scale": (2.0, 0.5, 0.5), "translate": (1, 2, 3), "units": ("um",) * 3}


def test_a_scan_and_its_labels_are_not_copied() -> None:
    scan, labels = Image(GREY, name="scan", **PLACE), Labels(CLASSES, name="truth", **PLACE)
    assert is_labels(labels)
    assert not is_labels(scan)
    pair = layer_pair(scan, labels)
    assert pair.name == "scan"
    assert np.shares_memory(np.asarray(pair.scan.data), GREY)
    assert pair.labels is not None
    assert np.shares_memory(np.asarray(pair.labels.data), labels.data)
    assert pair.labels.spec.geometry == pair.scan.spec.geometry
    assert pair.scan.spec.geometry.unit == "micrometer"
    assert layer_pair(scan, None).labels is None


def test_labels_that_say_no_unit_take_the_scans() -> None:
    silent = {key: value for key, value in PLACE.items() if key != "units"}
    pair = layer_pair(Image(GREY, **PLACE), Labels(CLASSES, **silent))
    assert pair.labels is not None
    assert pair.labels.spec.geometry.unit == "micrometer"


def test_lazy_and_flat_layers_will_do() -> None:
    chunks = dask.array.from_array(CLASSES, chunks=(2, 3, 4))
    pair = layer_pair(Image(GREY, name="scan"), Labels(chunks))
    assert pair.labels is not None
    np.testing.assert_array_equal(pair.labels.read(Roi.whole(SHAPE)), CLASSES)
    pair = layer_pair(Image(GREY[0], scale=(0.5, 0.5)), Labels(CLASSES[0], scale=(0.5, 0.5)))
    assert pair.labels is not None
    assert pair.scan.shape == pair.labels.shape == (1, 6, 8)


TURN = np.eye(4)
TURN[1:3, 1:3] = [[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"scale": (1, 0.5, 0.5)}, r"its scale is \(1, 0.5, 0.5\), the scan's \(2, 0.5, 0.5\)"),
        ({"translate": (1, 2, 4)}, r"its first voxel is at \(1, 2, 4\), the scan's at \(1, 2, 3\)"),
        ({"affine": TURN}, "it is turned otherwise|its first voxel"),
        ({"units": ("mm",) * 3}, "it is in millimeter, the scan in micrometer"),
    ],
)
def test_labels_elsewhere_are_refused_by_name(place: dict[str, Any], said: str) -> None:
    scan = Image(GREY, name="scan", **PLACE)
    labels = Labels(CLASSES, name="truth", **{**PLACE, **place})
    with pytest.raises(GeometryError, match=f"'truth' does not lie on 'scan': ({said})"):
        layer_pair(scan, labels)


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        (CLASSES[:3], GeometryError, "one shape to be trained on; got 3 x 6 x 8 and 4 x 6 x 8"),
        (CLASSES[None], FormatError, "has 4 axes"),
    ],
)
def test_labels_of_another_shape_are_refused(
    data: np.ndarray, error: type[BayesSegError], said: str
) -> None:
    with pytest.raises(error, match=said):
        layer_pair(Image(GREY, name="scan"), Labels(data, name="truth"))
