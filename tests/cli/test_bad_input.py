"""Bad input to every command: one line that says what is wrong, and nothing is written."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.cli.conftest import SETTINGS, Run, snapshot
from tests.io.bad_files import CASES as FILES

PREDICT = "predict {scan} --model {bcnn} --out {out} "
TRAIN = "train bcnn --scans {scans} --labels {labels} --out {out} --settings {settings} "
REGIONS = "regions {result} --out {out} "
EXPORT = "export {result} --out {tmp}/mask.ome.tif "
IMPORT = "import-probabilities {one} --out {out} "
EVALUATE = "evaluate {result} --labels {labels}/s0.ome.tif --out {out} "
ABOVE = "--measure mutual_information --threshold 0.1 "

# Name: the words that the message must hold, and the command.
CASES: dict[str, tuple[str, str]] = {
    # predict: the scan
    "scan missing": ("does not exist", PREDICT.replace("{scan}", "{root}/nowhere.tif")),
    "scan of NaN": ("no finite voxel", PREDICT.replace("{scan}", "{all_nan}")),
    "scan a folder": ("zarr metadata", PREDICT.replace("{scan}", "{holiday}")),
    "scan a model": ("zarr metadata", PREDICT.replace("{scan}", "{bcnn}")),
    "scan without a name": ("zarr metadata", PREDICT.replace("{scan}", "''")),
    "axes unknown": ("axes must hold", PREDICT + "--axes ABC"),
    "axes too many": ("axes", PREDICT + "--axes 00ZYX"),
    # predict: the model
    "model missing": ("neither a folder nor", PREDICT.replace("{bcnn}", "nowhere")),
    "model a scan": ("neither a folder nor", PREDICT.replace("{bcnn}", "{scan}")),
    "model another folder": ("model.json is missing", PREDICT.replace("{bcnn}", "{holiday}")),
    "model without a card": ("model.json is missing", PREDICT.replace("{bcnn}", "{model_no_card}")),
    "model card no JSON": ("not JSON", PREDICT.replace("{bcnn}", "{model_no_json}")),
    "model without weights": ("is missing", PREDICT.replace("{bcnn}", "{model_no_weights}")),
    "model weights cut": ("hash", PREDICT.replace("{bcnn}", "{model_cut}")),
    "model weights of another": ("hash", PREDICT.replace("{bcnn}", "{model_other}")),
    "model weights NaN": ("NaN", PREDICT.replace("{bcnn}", "{model_nan}")),
    "model with a pickle": ("can run code", PREDICT.replace("{bcnn}", "{model_pickled}")),
    "model of an unknown method": ("method", PREDICT.replace("{bcnn}", "{model_unknown}")),
    "model without dropout": ("rate above 0", PREDICT.replace("{bcnn}", "{model_no_dropout}")),
    # predict: settings
    "no draw": ("num_samples.*1; got 0", PREDICT + "--num-samples 0"),
    "draws below none": ("num_samples.*got -4", PREDICT + "--num-samples -4"),
    "half a draw": ("whole number; got '2.5'", PREDICT + "--num-samples 2.5"),
    "draws in words": ("whole number; got 'many'", PREDICT + "--num-samples many"),
    "seed below none": ("seed.*got -1", PREDICT + "--seed -1"),
    "seed too large": ("seed.*less than", PREDICT + "--seed 99999999999999999999"),
    "block off the stride": (
        r"nearest valid shape is \(6, 8, 16\)",
        PREDICT + "--block-shape 5,8,16",
    ),
    "block larger than the scan": (r"nearest.*\(8, 16, 16\)", PREDICT + "--block-shape 9,99,99"),
    "block of two numbers": ("three whole numbers.*'8,8'", PREDICT + "--block-shape 8,8"),
    "block of letters": ("three whole numbers", PREDICT + "--block-shape a,b,c"),
    "block of nothing": ("positive", PREDICT + "--block-shape 0,8,8"),
    "block below nothing": ("positive", PREDICT + "--block-shape -8,8,8"),
    "roi of words": ("Z0:Z1", PREDICT + "--roi middle"),
    "roi of two ranges": ("Z0:Z1", PREDICT + "--roi 0:4,0:4"),
    "roi of letters": ("whole numbers", PREDICT + "--roi a:b,0:4,0:4"),
    "roi outside": ("inside the scan", PREDICT + "--roi 0:4,0:4,0:40"),
    "roi reversed": ("inside the scan", PREDICT + "--roi 4:0,0:4,0:4"),
    "roi below nothing": ("inside the scan", PREDICT + "--roi -4:4,0:4,0:4"),
    "memory too small": (r"at least \d+MB.*got 1MB", PREDICT + "--memory 1MB"),
    "memory just too small": (r"at least 601MB.*got 600.1MB", PREDICT + "--memory 600.1MB"),
    "memory in words": ("amount such as 4GB", PREDICT + "--memory lots"),
    "memory of nothing": ("memory", PREDICT + "--memory 0"),
    "device unknown": ('"tpu".*"auto", "cpu", "cuda"', PREDICT + "--device tpu"),
    "no GPU": ("sees no GPU", PREDICT + "--device cuda"),
    "measure unknown": ("must be one of predictive", PREDICT + "--measures doubt"),
    "measure of excess": ("must be one of", PREDICT + "--measures mutual_information_excess"),
    # predict: the output
    "out the scan": ("overlaps", PREDICT.replace("{out}", "{scan}")),
    "out the scan replaced": ("overlaps", PREDICT.replace("{out}", "{scan} --overwrite")),
    "out in the scan": ("overlaps", PREDICT.replace("{out}", "{scan}/r.zarr")),
    "out the model": ("overlaps", PREDICT.replace("{out}", "{bcnn} --overwrite")),
    "out around the scan": ("overlaps", PREDICT.replace("{out}", "{root} --overwrite")),
    "out another file": ("no result", PREDICT.replace("{out}", "{settings}")),
    "out another folder": ("no result", PREDICT.replace("{out}", "{holiday}")),
    "out another folder replaced": ("no result", PREDICT.replace("{out}", "{holiday} --overwrite")),
    "out in a file": (
        "settings.json must be a folder",
        PREDICT.replace("{out}", "{settings}/r.zarr"),
    ),
    "out of another run": ("num_samples 3 there, 16 now", PREDICT.replace("{out}", "{result}")),
    "the scan's own result replaced": (
        "overlaps",
        "predict {result} --axes 0ZYX --model {bcnn} --out {result} --overwrite",
    ),
    # regions
    "regions of nothing": (
        "no such result",
        f"regions {{root}}/nowhere.zarr --out {{out}} {ABOVE}",
    ),
    "regions of a scan": ("no such result", f"regions {{scan}} --out {{out}} {ABOVE}"),
    "regions of a folder": ("no result", f"regions {{holiday}} --out {{out}} {ABOVE}"),
    "regions of an unknown measure": ("one of", REGIONS + "--measure doubt --threshold 1"),
    "threshold NaN": ("finite", REGIONS + "--measure mutual_information --threshold nan"),
    "threshold infinite": ("finite", REGIONS + "--measure mutual_information --threshold inf"),
    "threshold in words": (
        "--threshold",
        REGIONS + "--measure mutual_information --threshold high",
    ),
    "extent of nothing": ("max_extent must be positive", REGIONS + ABOVE + "--max-extent 0"),
    "extent NaN": ("max_extent must be positive", REGIONS + ABOVE + "--max-extent nan"),
    "volume below nothing": ("min_volume", REGIONS + ABOVE + "--min-volume -1"),
    "volume NaN": ("min_volume", REGIONS + ABOVE + "--min-volume nan"),
    "table over the scan": ("never written to", REGIONS.replace("{out}", "{scan}") + ABOVE),
    "table over another file": ("no table", REGIONS.replace("{out}", "{settings}") + ABOVE),
    "table in the result": (
        "inside the result",
        REGIONS.replace("{out}", "{result}/r.csv") + ABOVE,
    ),
    "table a folder": ("is a folder", REGIONS.replace("{out}", "{holiday}") + ABOVE),
    "table in no folder": (
        "there is no folder",
        REGIONS.replace("{out}", "{tmp}/no/r.csv") + ABOVE,
    ),
    # export
    "export of nothing": ("no such result", "export {root}/nowhere.zarr --out {tmp}/mask.tif"),
    "export of a folder": ("no result", "export {holiday} --out {tmp}/mask.tif"),
    "export to an unknown suffix": ("suffix must be one of", EXPORT.replace(".ome.tif", ".png")),
    "export to no suffix": ("suffix must be one of", EXPORT.replace(".ome.tif", "")),
    "export of an unknown array": ("must be one of", EXPORT + "--array doubt"),
    "export of no excess": ("must be one of", EXPORT + "--array mean_probability_excess"),
    "export of unknown labels": ("reviewed", EXPORT + "--labels guessed"),
    "export over the scan": ("never written to", "export {result} --out {scan} --overwrite"),
    "export over another file": ("exists already", "export {result} --out {nan}"),
    "export over the result": ("is a folder", "export {result} --out {result} --overwrite"),
    "export into the result": ("inside the result", "export {result} --out {result}/mask.tif"),
    "export into no folder": ("there is no folder", "export {result} --out {tmp}/no/mask.tif"),
    "export into a file": ("there is no folder", "export {result} --out {settings}/mask.tif"),
    # import-probabilities
    "no files": ("at least one file", "import-probabilities --out {out}"),
    "softmax missing": ("does not exist", IMPORT.replace("{one}", "{root}/nowhere.npy")),
    "logits": ("sum to 1", IMPORT.replace("{one}", "{logits}")),
    "one voxel of the last member": ("sum to 1.*2.7", IMPORT.replace("{one}", "{late}")),
    "members of two shapes": ("one shape", IMPORT.replace("{one}", "{one} {small}")),
    "softmax of another shape": ("fit the scan", IMPORT.replace("{one}", "{small} --scan {scan}")),
    "scan of the softmax missing": ("does not exist", IMPORT + "--scan {root}/nowhere.tif"),
    "softmax of whole numbers": ("floats", IMPORT.replace("{one}", "{whole}")),
    "softmax of objects": ("can run code", IMPORT.replace("{one}", "{objects}")),
    "softmax a letter": ("no known kind", IMPORT.replace("{one}", "{softmax}")),
    "class names too few": ("3 classes; got 2", IMPORT + "--class-names pore,solid"),
    "disagreement of one": ("only one", IMPORT + "--measures mutual_information"),
    "measure of softmax unknown": ("must be one of", IMPORT + "--measures doubt"),
    "import into too little memory": ("at least", IMPORT + "--memory 1MB"),
    "import over its source": ("overlaps", IMPORT.replace("{out}", "{one} --overwrite")),
    "import over its scan": ("overlaps", IMPORT.replace("{out}", "{scan} --scan {scan}")),
    "import over a folder": ("no result", IMPORT.replace("{out}", "{holiday} --overwrite")),
    "import over another run": ("another run", IMPORT.replace("{out}", "{result}")),
    # train
    "no scans": ("no such folder", TRAIN.replace("{scans}", "{root}/nowhere")),
    "scans a file": ("must be a folder", TRAIN.replace("{scans}", "{scan}")),
    "scans of no volume": ("no volume", TRAIN.replace("{scans}", "{holiday}")),
    "labels missing": ("s1: has no partner", TRAIN.replace("{labels}", "{labels_few}")),
    "labels of another shape": ("s1: .*one shape", TRAIN.replace("{labels}", "{labels_shape}")),
    "labels of another spacing": ("s1: .*spacing", TRAIN.replace("{labels}", "{labels_spacing}")),
    "labels of halves": ("whole numbers", TRAIN.replace("{labels}", "{labels_half}")),
    "labels below nothing": ("whole numbers", TRAIN.replace("{labels}", "{labels_negative}")),
    "method unknown": ('"bcnn", "mc-dropout"', TRAIN.replace("train bcnn", "train magic")),
    "steps none": ("steps.*got 0", TRAIN + "--steps 0"),
    "steps too few": ("steps must leave.*got 3", TRAIN + "--steps 3"),
    "steps and a half": ("whole number", TRAIN + "--steps 2.5"),
    "training seed below none": ("seed.*got -1", TRAIN + "--seed -1"),
    "training on no GPU": ("sees no GPU", TRAIN + "--device cuda"),
    "settings missing": ("can't be read", TRAIN.replace("{settings}", "{root}/nowhere.json")),
    "settings a scan": ("must be JSON", TRAIN.replace("{settings}", "{scan}")),
    "model over a folder": ("no model folder", TRAIN.replace("{out}", "{holiday} --overwrite")),
    "model over a model": ("exists already", TRAIN.replace("{out}", "{bcnn}")),
    "model of no plain name": ("the model's", TRAIN.replace("{out}", "'{tmp}/my model!'")),
    "model in a file": ("must be a folder", TRAIN.replace("{out}", "{scan}/model")),
    # evaluate
    "nothing to judge": ("needs a result", EVALUATE.replace("{result} ", "")),
    "result to judge missing": ("nowhere", EVALUATE.replace("{result}", "{root}/nowhere.zarr")),
    "result to judge a scan": ("", EVALUATE.replace("{result}", "{scan}")),
    "truth missing": ("does not exist", EVALUATE.replace("s0.ome", "nowhere")),
    "truth of another shape": (
        r"s1\.ome\.tif: labels must have the shape of .*result\.zarr, \(8, 16, 16\)",
        EVALUATE.replace("{labels}/s0", "{labels_shape}/s1"),
    ),
    "truth of another spacing": (
        "spacing of .*2 0.5 0.5 micrometer",
        EVALUATE.replace("{labels}/s0", "{labels_spacing}/s1"),
    ),
    "truth of halves": ("whole numbers", EVALUATE.replace("{labels}", "{labels_half}")),
    "truth below nothing": ("0 to 2; got -1", EVALUATE.replace("{labels}", "{labels_negative}")),
    "truths too many": ("one a result, 1; got 2", EVALUATE + "--labels {labels}/s1.ome.tif"),
    "a result twice": ("twice", EVALUATE.replace("{result}", "{result} {result}")),
    "names too many": ("one a result, 1; got 2", EVALUATE + "--names a,b"),
    "measure to judge by unknown": ("got 'doubt'", EVALUATE + "--measure doubt"),
    "ignored label in words": ("whole number; got 'sky'", EVALUATE + "--ignore-label sky"),
    "report in the result": ("array store", EVALUATE.replace("{out}", "{result}/report")),
    "report over a scan": ("is a file", EVALUATE.replace("{out}", "{scan}")),
    # the command line itself
    "no command of that name": ("Unknown command", "perdict {scan}"),
    "no option of that name": ("Unknown option", PREDICT + "--smaples 4"),
    "no scan": ("SCAN", "predict --model {bcnn} --out {out}"),
    "no model": ("--model", "predict {scan} --out {out}"),
    "no out": ("--out", "predict {scan} --model {bcnn}"),
    "one argument too many": ("", PREDICT + "{nan}"),
}
SETTINGS_CASES: dict[str, tuple[str, object]] = {
    "setting unknown": ("'epochs' is no training setting", {"epochs": 4}),
    "settings a list": ("one JSON object", [1, 2]),
    "patch off the stride": (r"stride \(2, 2, 2\).*\(8, 8, 7\)", {"patch_shape": [8, 8, 7]}),
    "patch of nothing": ("stride", {"patch_shape": [0, 8, 8]}),
    "too many held out": ("3 scans can't be held out of 3", {"num_validation": 3}),
    "channels off the groups": ("multiples of groups", {"channels": [3, 5]}),
    "rho out of range": ("rho_init", {"rho_init": 9.0}),
    "statistics never in force": ("freeze_from must come", {"freeze_from": 0.4}),
    "rate of nothing": ("learning_rate", {"learning_rate": 0.0}),
    "names too few": ("names 1 classes", {"class_names": ["air"]}),
    "no dropout": ("dropout_rate above 0", {"method": "mc-dropout", "dropout_rate": 0.0}),
}  # fmt: skip
# What of io's bad files is refused by the header, and what only by reading the voxels.
BAD_SCANS = [
    *(f"truncated_{kind}_{keep}" for kind in ("plain", "imagej", "ome", "bigtiff", "tiles")
      for keep in (0.03, 0.5, 0.9)),
    "empty.tif", "text.tif", "one_byte.tif", "png", "empty_folder", "rgb", "channels", "time",
    "hyperstack", "complex_tiff", "compression_bomb", "forged_width", "ome_spacing_X_0",
    "damaged_deflate", "half_chunk_zstd_v3", "noise_chunk_gzip_v2", "flipped_bit_with_checksum",
    "pickle_v2", "objects", "petabytes", "zero_scale",
]  # fmt: skip


def assert_refused(run: Run, command: list[str], words: str, *folders: Path) -> None:
    before = snapshot(*folders)
    code, out, err = run(*command)
    assert "Traceback" not in err, err
    assert code == 2, err
    assert out == ""
    lines = err.splitlines()
    assert [line for line in lines if not line.startswith("warning: ")] == lines[-1:], err
    assert lines[-1].startswith("error: ")
    assert re.search(words, lines[-1]), lines[-1]
    assert snapshot(*folders) == before


def split(command: str, places: dict[str, Path], **more: Path) -> list[str]:
    """Split a command at blanks outside quotes, then put the places in."""
    words = re.findall(r"'[^']*'|\S+", command)
    return [word.strip("'").format(**places, **more) for word in words]


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_refused_in_one_line(
    name: str, run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    words, command = CASES[name]
    arguments = split(command, places, tmp=tmp_path, out=tmp_path / "out")
    assert_refused(run, arguments, words, places["root"], tmp_path)


@pytest.mark.parametrize("name", SETTINGS_CASES)
def test_training_settings_are_checked(
    name: str, run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    words, changes = SETTINGS_CASES[name]
    content = {**SETTINGS, **changes} if isinstance(changes, dict) else changes
    method = content.pop("method", "bcnn") if isinstance(content, dict) else "bcnn"
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(content))
    command = split(TRAIN, {**places, "settings": file}, out=tmp_path / "out")
    command[1] = method
    assert_refused(run, command, words, places["root"], tmp_path)


@pytest.mark.parametrize("name", BAD_SCANS)
def test_unreadable_scans_are_refused_before_anything_is_written(
    name: str, run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    maker, words = FILES[name]
    scan = maker(tmp_path)
    command = split(PREDICT, {**places, "scan": scan}, out=tmp_path / "out.zarr")
    assert_refused(run, command, words, tmp_path)


@pytest.mark.parametrize("command", [PREDICT, IMPORT, TRAIN])
def test_a_folder_that_cannot_be_written_to_is_refused_before_reading(
    command: str,
    run: Run,
    places: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(self: Path, data: bytes) -> int:
        raise PermissionError(13, "Permission denied")

    def read(*_: object) -> None:
        pytest.fail("the voxels were read first")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    for module in ("predict.summarise_scan", "import_probabilities._checked_hash"):
        monkeypatch.setattr(f"napari_bayesseg.inference.{module}", read)
    monkeypatch.setattr("napari_bayesseg.training.train.load_cases", read)
    arguments = split(command, places, out=tmp_path / "out")
    assert_refused(run, arguments, "can't be written to .Permission denied", tmp_path)


@pytest.mark.parametrize("command", [PREDICT, IMPORT])
def test_a_disk_without_room_is_refused_before_anything_is_written(
    command: str,
    run: Run,
    places: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=20_000))
    arguments = split(command, places, out=tmp_path / "new" / "out.zarr")
    assert_refused(run, arguments, "MiB are needed on this disk", tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=200_000))
    assert run(*arguments).code == 0


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_a_folder_of_the_system_is_refused(run: Run, places: dict[str, Path]) -> None:
    arguments = split(PREDICT, places, out=Path("/proc/result.zarr"))
    assert_refused(run, arguments, "can't be written to", places["root"])


@pytest.mark.parametrize("damage", ["flipped", "cut", "lost"])
@pytest.mark.parametrize(
    "command", [REGIONS + ABOVE, EXPORT, EXPORT + "--array mean_probability", EVALUATE]
)
def test_a_damaged_result_is_refused_and_not_read_as_empty(
    command: str, damage: str, run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    result = tmp_path / "damaged.zarr"
    shutil.copytree(places["result"], result)
    for chunk in (p for p in result.rglob("c/**/*") if p.is_file()):
        content = bytearray(chunk.read_bytes())
        content[len(content) // 2] ^= 1
        chunk.write_bytes(content if damage == "flipped" else content[:-9])
        if damage == "lost":
            chunk.unlink()
    arguments = split(command, {**places, "result": result}, tmp=tmp_path, out=tmp_path / "r.csv")
    assert_refused(run, arguments, "damaged.*predict command mends it", tmp_path)


WARNINGS = {
    "NaN": ("1 voxels are NaN", PREDICT.replace("{scan}", "{nan}")),
    "constant": ("all voxels have the value 7", PREDICT.replace("{scan}", "{constant}")),
    "one draw": ("no disagreement", PREDICT + "--num-samples 1"),
    "NaN in softmax": ("4 voxels of 4 members are NaN", IMPORT.replace("{one}", "{invalid}")),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_what_is_odd_is_warned_of_and_coped_with(
    name: str, run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    words, command = WARNINGS[name]
    before = snapshot(places["root"])
    code, _, err = run(*split(command, places, out=tmp_path / "out.zarr"), "--json")
    assert code == 0, err
    warned = [line for line in err.splitlines() if line.startswith("warning: ")]
    assert len(warned) == 1, err
    assert re.search(words, warned[0])
    assert "error: " not in err
    assert snapshot(places["root"]) == before


def test_a_name_that_is_no_text_is_no_problem(
    run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    """A file name in another encoding than the system's."""
    if sys.platform != "linux":
        pytest.skip("only Linux lets names be any bytes")
    scan = tmp_path / "sc\udcff n.ome.tif"
    shutil.copy(places["scan"], scan)
    code, out, err = run(
        "predict", scan, "--model", places["bcnn"], "--out", f"{scan}.zarr", "--num-samples", 2
    )
    assert code == 0, err
    assert "\\udcff" in out


def test_a_disk_that_runs_full_keeps_what_is_finished(
    run: Run, places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = split(PREDICT + "--block-shape 4,16,16", places, out=tmp_path / "out.zarr")
    with monkeypatch.context() as patch:
        calls = []

        def sync(path: Path) -> None:
            calls.append(path)
            if len(calls) > 12:
                raise OSError(28, "No space left on device")

        patch.setattr("napari_bayesseg.io.result_store.sync", sync)
        code, _, err = run(*command)
    assert code == 2
    assert re.search("error: .*No space left.*finished blocks are kept.*continues\n", err)
    assert "Traceback" not in err
    assert run(*command)[0] == 0
    undisturbed = split(PREDICT + "--block-shape 4,16,16", places, out=tmp_path / "other.zarr")
    assert run(*undisturbed)[0] == 0
    hashes = [
        [json.loads(line)["sha256"] for line in (path / "ledger.jsonl").read_text().splitlines()]
        for path in (tmp_path / "out.zarr", tmp_path / "other.zarr")
    ]
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 2


def test_values_are_never_changed_by_refusals(places: dict[str, Path]) -> None:
    """The fixture itself: a snapshot sees a flipped bit."""
    before = snapshot(places["root"])
    file = places["holiday"] / "readme.txt"
    text = file.read_text()
    file.write_text(text.swapcase())
    assert snapshot(places["root"]) != before
    file.write_text(text)
    assert snapshot(places["root"]) == before
    assert np.load(places["one"]).shape == (3, 8, 16, 16)
