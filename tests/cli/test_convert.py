"""A state dict becomes a model, and the model predicts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_bayesseg import load_result, predict
from napari_bayesseg.cli.main import main
from napari_bayesseg.core.errors import BayesSegWarning
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.progress import Cancelled
from napari_bayesseg.inference.run import RunHooks
from napari_bayesseg.networks.checkpoint import load_card, load_foreign, load_network
from tests.cli.conftest import Run, snapshot
from tests.foreign_models import UNET, foreign_network, save_weights
from tests.models import small_network

NAMES = "background,pore,particle"
SCAN_SHAPE = (12, 21, 26)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State dicts made elsewhere; no test changes it."""
    root = tmp_path_factory.mktemp("weights")
    save_weights(root / "unet.pt", "monai.UNet")
    save_weights(root / "vnet.pt", "monai.VNet")
    save_weights(root / "calm.pt", "monai.UNet", dropout=0.0)
    tensors = foreign_network("monai.UNet").state_dict()
    torch.save({"state_dict": {f"module.{n}": t for n, t in tensors.items()}}, root / "nested.pth")
    torch.save({n.replace("conv", "klon"): t for n, t in tensors.items()}, root / "names.pt")
    torch.save({n: t[:1] if t.ndim else t for n, t in tensors.items()}, root / "shapes.pt")
    torch.save(
        {n: t * torch.nan if t.is_floating_point() else t for n, t in tensors.items()},
        root / "nan.pt",
    )
    (root / "unet.json").write_text(json.dumps(UNET))
    return root


def converting(root: Path, file: str, out: Path, **options: Any) -> list[object]:
    given: dict[str, Any] = {
        "network": "monai.UNet",
        "class-names": NAMES,
        "arguments": root / "unet.json",
        **options,
    }
    pairs = [(f"--{name}", value) for name, value in given.items() if value is not None]
    return ["convert", root / file, "--out", out, *(part for pair in pairs for part in pair)]


def test_several_files_become_an_ensemble(run: Run, folder: Path, tmp_path: Path) -> None:
    """Folds of a cross-validation need no dropout: each is a draw."""
    save_weights(tmp_path / "fold.pt", "monai.UNet", dropout=0.0)
    first, *options = converting(folder, "calm.pt", tmp_path / "folds")
    arguments = json.dumps({**UNET, "dropout": 0.0})
    options[options.index("--arguments") + 1] = arguments
    code, _, err = run(first, options[0], tmp_path / "fold.pt", *options[1:])
    assert (code, err) == (0, "")
    card = load_card(tmp_path / "folds")
    assert (card.method, card.members) == ("ensemble", 2)
    assert card.training["converted_from"] == "calm.pt, fold.pt"
    assert len(load_foreign(tmp_path / "folds", card)) == 2
    code, _, err = run(first, *options)
    assert (code, err.count("\n")) == (2, 1)
    code, _, err = run("convert", *options[1:])
    assert (code, err.count("\n")) == (2, 1)
    assert "name one file, or one a member" in err


def test_a_model_folder_is_written(run: Run, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "my-unet"
    command = converting(
        folder,
        "unet.pt",
        out,
        title="Pores",
        spacing="2,0.5,0.5,um",
        normalisation="1,99",
        licence="CC0",
        data="simulated",
    )
    code, said, err = run(*command)
    assert (code, err) == (0, "")
    assert said.startswith(f"{out}: monai.UNet, ")
    card = load_card(out)
    assert (card.name, card.title, card.method) == ("my-unet", "Pores", "mc-dropout")
    assert card.class_names == ("background", "pore", "particle")
    assert card.spacing is not None
    assert (card.spacing.zyx, card.spacing.unit) == ((2.0, 0.5, 0.5), "micrometer")
    assert (card.normalisation.low_percentile, card.normalisation.high_percentile) == (1, 99)
    assert (card.licence, card.data) == ("CC0", "simulated")
    assert card.training["converted_from"] == "unet.pt"
    expected = foreign_network("monai.UNet").state_dict()
    found = load_foreign(out, card)[0].state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert {path.name for path in out.iterdir()} == {"model.json", "weights.safetensors"}


def test_json_and_inline_arguments(run: Run, folder: Path, tmp_path: Path) -> None:
    command = converting(folder, "nested.pth", tmp_path / "m", arguments=json.dumps(UNET))
    code, out, err = run(*command, "--json")
    assert code == 0, err
    entry = json.loads(out)
    assert entry["model"] == str(tmp_path / "m")
    assert entry["network"]["arguments"] == UNET
    assert entry["network"]["num_classes"] == 3


def test_our_own_network_too(run: Run, tmp_path: Path) -> None:
    network = small_network("mc-dropout", channels=(4, 8))
    torch.save({"model": network.state_dict()}, tmp_path / "w.pt")
    spec = {"decoder": "dropout", "channels": [4, 8]}
    command = converting(
        tmp_path, "w.pt", tmp_path / "m", network="vnet3d", arguments=json.dumps(spec)
    )
    code, _, err = run(*command)
    assert code == 0, err
    loaded = load_network(tmp_path / "m", load_card(tmp_path / "m"))
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)


def test_one_logit_and_two_names(run: Run, folder: Path, tmp_path: Path) -> None:
    save_weights(tmp_path / "one.pt", "monai.UNet", num_classes=1)
    options = {"class-names": "rest,pore", "num-classes": 1, "arguments": folder / "unet.json"}
    code, _, err = run(*converting(tmp_path, "one.pt", tmp_path / "m", **options))
    assert code == 0, err
    assert load_card(tmp_path / "m").network.num_probabilities == 2


def without(name: str) -> str:
    return json.dumps({key: value for key, value in UNET.items() if key != name})


BAD: dict[str, tuple[str, str, dict[str, Any]]] = {
    "file missing": ("no such file", "nowhere.pt", {}),
    "file of another kind": ("must be .safetensors, .pt or .pth", "unet.json", {}),
    "other names": (
        r"does not fit monai.UNet with these arguments: missing \['model.*unexpected \['model",
        "names.pt",
        {},
    ),
    "other shapes": ("must have shape .*; got", "shapes.pt", {}),
    "numbers that are none": ("holds NaN", "nan.pt", {}),
    "network unknown": ("monai.AutoEncoder", "unet.pt", {"network": "monai.AutoEncoder"}),
    "argument unknown": (
        "no argument 'depth'",
        "unet.pt",
        {"arguments": json.dumps({**UNET, "depth": 2})},
    ),
    "argument missing": (
        "monai.UNet needs the arguments strides",
        "unet.pt",
        {"arguments": without("strides")},
    ),
    "argument that is ours": (
        "must not hold spatial_dims",
        "unet.pt",
        {"arguments": json.dumps({**UNET, "spatial_dims": 2})},
    ),
    "arguments no JSON": ("arguments: not JSON", "unet.pt", {"arguments": "{half"}),
    "arguments a list": ("must be a JSON object; got a list", "unet.pt", {"arguments": "LIST"}),
    "arguments nowhere": ("a JSON object or a file with one", "unet.pt", {"arguments": "nowhere"}),
    "too few names": ("unexpected|must have shape", "unet.pt", {"class-names": "a,b"}),
    "no names": ("num_classes", "unet.pt", {"class-names": ","}),
    "classes and names differ": (
        "must name 3 classes",
        "unet.pt",
        {"num-classes": 3, "class-names": "a,b"},
    ),
    "nothing random": (
        "all draws would be alike",
        "calm.pt",
        {"arguments": json.dumps({**UNET, "dropout": 0.0})},
    ),
    "spacing of two": ("spacing must be Z,Y,X", "unet.pt", {"spacing": "1,2,um"}),
    "percentiles of one": ("normalisation must be LOW,HIGH", "unet.pt", {"normalisation": "1"}),
    "percentiles swapped": ("normalisation", "unet.pt", {"normalisation": "99,1"}),
    "name with a slash": ("name", "unet.pt", {"name": "a/b"}),
    "our network's argument": (
        "depth",
        "unet.pt",
        {"network": "vnet3d", "arguments": '{"depth": 2}'},
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_one_line(
    case: str, run: Run, folder: Path, tmp_path: Path
) -> None:
    pattern, file, options = BAD[case]
    if options.get("arguments") == "LIST":
        (tmp_path / "list.json").write_text("[1]")
        options = {"arguments": tmp_path / "list.json"}
    before = snapshot(folder)
    out = tmp_path / "model"
    code, said, err = run(*converting(folder, file, out, **options))
    assert (code, said) == (2, ""), err
    assert len(err.splitlines()) == 1, err
    assert err.startswith("error: ")
    assert re.search(pattern, err), err
    assert not out.exists()
    assert snapshot(folder) == before


def test_an_existing_model_is_replaced_only_when_asked(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    command = converting(folder, "unet.pt", tmp_path / "m")
    assert run(*command).code == 0
    before = snapshot(tmp_path / "m")
    code, _, err = run(*command, "--title", "new")
    assert code == 2
    assert "exists already" in err
    assert snapshot(tmp_path / "m") == before
    assert run(*command, "--title", "new", "--overwrite").code == 0
    assert load_card(tmp_path / "m").title == "new"


@pytest.fixture(scope="module")
def models(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    unet = converting(folder, "unet.pt", root / "unet")
    vnet = converting(folder, "vnet.pt", root / "vnet", network="monai.VNet", arguments=None)
    for command in (unet, vnet):
        assert main([str(part) for part in command]) == 0
    return {"unet": root / "unet", "vnet": root / "vnet"}


def scan() -> np.ndarray:
    return np.random.default_rng(5).gamma(3.0, 200.0, SCAN_SHAPE).astype(np.float32)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "blocks"),
    [("unet", [(4, 8, 12), (12, 12, 8)]), ("vnet", [(12, 16, 16), (12, 21, 16)])],
)
def test_a_converted_network_predicts_the_same_in_any_blocks(
    name: str, blocks: list[tuple[int, int, int]], models: dict[str, Path], tmp_path: Path
) -> None:
    volume, samples = scan(), 3
    first, second = (
        predict(
            volume, models[name], tmp_path / f"{i}.zarr", num_samples=samples, block_shape=block
        )
        for i, block in enumerate(blocks)
    )
    assert first.is_complete
    np.testing.assert_allclose(first.mean_probability, second.mean_probability, atol=1e-5)
    top = np.sort(np.asarray(first.mean_probability), axis=0)
    clear = top[-1] - top[-2] > 2e-5
    labels = np.asarray(first.labels), np.asarray(second.labels)
    assert np.array_equal(labels[0][clear], labels[1][clear])
    assert np.asarray(first.measure("mutual_information")).max() > 1e-3  # the draws differ

    shuffled = predict(
        volume,
        models[name],
        tmp_path / "shuffled.zarr",
        num_samples=samples,
        block_shape=blocks[0],
        focus=(11, 20, 25),
    )
    assert_same(shuffled, first)

    # A draw is made again from its key, whole or in part, and the draws make the mean.
    again = load_result(tmp_path / "0.zarr", scan=Volume.from_array(volume))
    draws = np.stack([again.draw(t) for t in range(samples)])
    np.testing.assert_allclose(draws.mean(0), first.mean_probability, atol=1e-5)
    part = again.draw(1, "3:9,5:17,4:26")
    np.testing.assert_allclose(part, draws[1][:, 3:9, 5:17, 4:26], atol=1e-4)


def assert_same(one: Any, other: Any) -> None:
    for values in (lambda r: r.labels, lambda r: r.mean_probability):
        assert np.array_equal(np.asarray(values(one)), np.asarray(values(other)))
    for measure in other.measures:
        assert np.array_equal(np.asarray(one.measure(measure)), np.asarray(other.measure(measure)))


def test_two_workers_give_the_same_bits(models: dict[str, Path], tmp_path: Path) -> None:
    volume, arguments = scan(), {"num_samples": 2, "block_shape": (4, 16, 24)}
    alone = predict(volume, models["unet"], tmp_path / "alone.zarr", **arguments)
    shared = predict(volume, models["unet"], tmp_path / "shared.zarr", workers=2, **arguments)
    assert_same(shared, alone)
    counts = alone.draw_counts(), shared.draw_counts()
    assert np.array_equal(counts[0].configurations, counts[1].configurations)


def test_a_stopped_run_continues_bit_by_bit(models: dict[str, Path], tmp_path: Path) -> None:
    volume, arguments = scan(), {"num_samples": 3, "block_shape": (4, 8, 12)}
    whole = predict(volume, models["unet"], tmp_path / "whole.zarr", **arguments)
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 20

    with pytest.raises(Cancelled):
        predict(
            volume,
            models["unet"],
            tmp_path / "cut.zarr",
            **arguments,
            hooks=RunHooks(should_stop=should_stop),
        )
    cut = predict(volume, models["unet"], tmp_path / "cut.zarr", **arguments)
    assert_same(cut, whole)
    assert cut.record["run_id"] == whole.record["run_id"]


def test_live_statistics_are_told_where_a_person_reads(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    live = {**UNET, "norm": "instance"}
    save_weights(tmp_path / "live.pt", "monai.UNet", norm="instance")
    command = converting(tmp_path, "live.pt", tmp_path / "live", arguments=json.dumps(live))
    assert run(*command).code == 0
    with pytest.warns(BayesSegWarning) as told:
        predict(
            np.tile(scan(), (2, 2, 2)),
            tmp_path / "live",
            tmp_path / "r.zarr",
            num_samples=2,
            block_shape=(8, 8, 8),
            roi="0:8,0:8,0:8",
        )
    texts = " ".join(str(warning.message) for warning in told)
    assert "runs in full passes: model." in texts
    assert "differ by up to" in texts
