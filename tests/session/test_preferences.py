from __future__ import annotations

import pytest
from pydantic import ValidationError

from napari_bayesseg.review.queue import Order
from napari_bayesseg.session.preferences import HeatColours, Preferences, read_preferences


def test_nothing_said_means_the_defaults() -> None:
    assert read_preferences({}) == (Preferences(), ())


def test_what_is_said_is_taken() -> None:
    preferences, problems = read_preferences(
        {"heat_colours": "cividis", "edit_margin": 3, "order": "size", "unknown": 1}
    )
    assert preferences == Preferences(
        heat_colours=HeatColours.CIVIDIS, edit_margin=3, order=Order.SIZE
    )
    assert problems == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("heat_colours", "rainbow"),
        ("text_size", 2),
        ("text_size", "big"),
        ("goes_on", "perhaps"),
        ("min_volume_voxels", 0),
        ("order", None),
        ("palette", ["Okabe-Ito"]),
    ],
)
def test_a_wrong_value_gives_its_default_and_one_line(name: str, value: object) -> None:
    preferences, (problem,) = read_preferences({name: value, "edit_margin": 5})
    assert preferences == Preferences(edit_margin=5)
    assert "\n" not in problem
    assert str(Preferences.model_fields[name].title) in problem
    assert problem.endswith(f"{Preferences.model_fields[name].default} is used")


def test_they_never_change() -> None:
    with pytest.raises(ValidationError):
        Preferences().edit_margin = 3  # type: ignore[misc]
