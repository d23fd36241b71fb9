from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.training.settings import TrainingSettings
from tests.training.cases import tiny_settings


def test_statistics_are_live_then_averaged_then_in_force() -> None:
    settings = tiny_settings(steps=10, accumulate_from=0.5, freeze_from=0.7)
    modes = [settings.statistics_mode(step) for step in range(10)]
    assert modes == ["live"] * 5 + ["accumulating"] * 2 + ["population"] * 3


@pytest.mark.parametrize("steps", range(1, 40))
def test_steps_are_accepted_just_where_statistics_are_averaged_and_used(steps: int) -> None:
    def modes(settings: TrainingSettings) -> list[str]:
        return [settings.statistics_mode(step) for step in range(settings.steps)]

    unchecked = tiny_settings().model_copy(update={"steps": steps})
    usable = {"accumulating", "population"} <= set(modes(unchecked))
    if usable:
        assert tiny_settings(steps=steps).steps == steps
    else:
        with pytest.raises(ValueError, match="steps must leave one step"):
            tiny_settings(steps=steps)


def test_a_billion_steps_are_checked_at_once() -> None:
    assert tiny_settings(steps=10**9).steps == 10**9


def test_a_file_gives_way_to_what_is_named(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"steps": 50, "seed": 7, "patch_shape": [16, 16, 16]}))
    settings = TrainingSettings.load(file, method="bcnn", steps=100, seed=None)
    assert (settings.steps, settings.seed, settings.patch_shape) == (100, 7, (16, 16, 16))


def test_a_setting_of_a_group_is_named_with_a_point(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"data": {"axes": "XYZ"}}))
    for path, axes in ((None, None), (file, "XYZ")):
        found = TrainingSettings.load(path, method="bcnn", **{"data.ignore_label": 255})
        assert (found.data.ignore_label, found.data.axes) == (255, axes)
    assert TrainingSettings.load(file, method="bcnn", **{"data.axes": None}).data.axes == "XYZ"


def test_what_is_recorded_can_be_used_again() -> None:
    settings = tiny_settings(class_names=("a", "b"))
    assert TrainingSettings.model_validate(json.loads(settings.model_dump_json())) == settings


@pytest.mark.parametrize("content", ["{half", "[]", "3", '"text"', "\udcff", "[" * 100_000])
def test_a_file_that_holds_no_settings_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "settings.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingsError, match=r"settings\.json: training settings must be") as caught:
        TrainingSettings.load(file, method="bcnn")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 0}, "steps.*got 0"),
        ({"kernel_size": (3, 3, 4)}, "kernel_size must hold"),
        ({"channels": (4,)}, "channels"),
        ({"rho_init": 5.0}, "rho_init.*got 5"),
        ({"augmentation": {"gain": 1.0}}, "gain.*got 1"),
        (
            {"class_names": ("a", "b"), "data": {"ignore_label": 1}},
            "ignore_label = 1 can't also be the class 'b'",
        ),
        ({"epochs": 1}, "'epochs' is no training setting; there are method, steps"),
        ({"method": "magic"}, "method"),
        ({"method": "sghmc", "sghmc": {"num_cycles": 1}}, "sghmc needs 2 snapshots"),
        ({"method": "sghmc", "steps": 10}, "sghmc: cycles of 2 steps are too short"),
        ({"method": "ensemble", "num_members": 1}, "num_members.*got 1"),
        ({"data.colour": 3}, "data.colour"),
        ({"steps.more": 3}, "steps"),
        ({"magic.more": 3}, "'magic' is no training setting"),
    ],
)
def test_what_is_out_of_range_is_told_in_one_line(changes: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        TrainingSettings.load(None, **{"method": "bcnn", **changes})
    assert "\n" not in str(caught.value)


def test_the_network_is_the_one_described() -> None:
    spec = tiny_settings("mc-dropout", dropout_rate=0.3, pooling=(1, 2, 2)).network_spec(3)
    assert (spec.decoder, spec.dropout_rate, spec.num_classes) == ("dropout", 0.3, 3)
    assert spec.stride == (1, 2, 2)
    assert tiny_settings().network_spec(2).decoder == "variational"
