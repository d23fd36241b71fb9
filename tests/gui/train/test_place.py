from __future__ import annotations

from pathlib import Path

import pytest

from napari_bayesseg.core.volume import Volume
from napari_bayesseg.gui.train.place import first_free_place, look_at_place, model_name
from napari_bayesseg.inference.progress import Cancelled
from napari_bayesseg.networks.model_folders import list_models
from napari_bayesseg.training.pairs import TrainingPair
from napari_bayesseg.training.progress import TrainingHooks
from napari_bayesseg.training.saved_state import state_folder
from napari_bayesseg.training.train import train_pairs
from tests.models import write_model
from tests.training.cases import tiny_case, tiny_settings

SETTINGS = tiny_settings(num_validation=0, steps=10)


def begin(out: Path, steps: int) -> None:
    """Train some steps and stop."""
    case = tiny_case()
    pair = TrainingPair(
        "case",
        Volume.from_array(case.image, case.geometry),
        Volume.from_array(case.labels, case.geometry),
    )
    done: list[int] = []
    hooks = TrainingHooks(lambda now: done.append(now.step), lambda: len(done) >= steps)
    with pytest.raises(Cancelled):
        train_pairs([pair], out, SETTINGS, hooks=hooks)


def test_nothing_is_there(models: Path) -> None:
    place = look_at_place(models / "new", SETTINGS)
    assert (place.kind, place.message, place.share) == ("new", "", 0.0)


def test_a_model_would_be_replaced(models: Path) -> None:
    write_model(models / "taken")
    place = look_at_place(models / "taken", SETTINGS)
    assert (place.kind, place.message) == ("other", "there is a model taken already")


@pytest.mark.parametrize("name", ["a b", "-x", "\u00e9", ""])
def test_names_that_are_none_are_refused(models: Path, name: str) -> None:
    place = look_at_place(models / name, SETTINGS) if name else None
    assert place is None or place.kind == "blocked"
    assert place is None or "letters, digits" in place.message


def test_what_is_no_model_stays(models: Path) -> None:
    (models / "thesis").mkdir(parents=True)
    assert look_at_place(models / "thesis", SETTINGS).kind == "blocked"


def test_an_unfinished_training_is_gone_on_with_by_the_same_settings(models: Path) -> None:
    models.mkdir()
    begin(models / "begun", steps=4)
    place = look_at_place(models / "begun", SETTINGS)
    assert (place.kind, place.share) == ("resume", 0.4)
    assert [now.step for now in place.log] == [1, 2, 3, 4]
    assert place.message == "a training of begun was begun: 40% of it is done"
    moved = SETTINGS.model_copy(update={"device": "auto", "save_every_s": 1.0})
    assert look_at_place(models / "begun", moved).kind == "resume"
    other = SETTINGS.model_copy(update={"seed": 3})
    place = look_at_place(models / "begun", other)
    assert (place.kind, place.log) == ("other", ())
    assert "with other settings" in place.message
    (state_folder(models / "begun") / "state.safetensors").write_bytes(b"not so")
    assert look_at_place(models / "begun", SETTINGS).message.endswith("no step of it is saved")


def test_a_name_that_is_free_is_found(models: Path) -> None:
    assert first_free_place("m", SETTINGS).path == models / "m"
    write_model(models / "m")
    write_model(models / "m-2")
    assert first_free_place("m", SETTINGS).path == models / "m-3"
    shipped = next(iter(list_models()))
    assert first_free_place(shipped, SETTINGS).path == models / f"{shipped}-2"


def test_models_are_named_after_their_scan() -> None:
    assert model_name("my scan (1).tif", "bcnn") == "my_scan_1_.tif-bcnn"
    assert model_name("\u00e9", "sghmc") == "scan-sghmc"
