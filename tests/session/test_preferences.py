from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from napari_bayesseg.review.labels.edits import BrushReach
from napari_bayesseg.review.regions.queue import Order
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.preferences import HeatColours, Preferences, read_preferences
from napari_bayesseg.session.session import Session


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


@pytest.mark.parametrize("order", [Order.SIZE, Order.POSITION, Order.PATH])
def test_a_review_opens_in_the_preferred_order(
    session: Session, desk: ReviewDesk, background: ThreadBackground, order: Order
) -> None:
    desk.go_to(desk.queue.ids[7])
    position = desk.current.position
    session.set_preferences(Preferences(order=order))
    session.open_result(desk.result.path)
    assert background.drain(60)
    again = session.desk
    assert again is not desk
    assert again.queue.order is order
    assert again.current.position == position
    regions = [again.queue.region(key) for key in again.queue.ids]
    if order is Order.PATH:  # it begins where the person is
        assert regions[0].position == position
    else:
        keys = [-r.voxel_count if order is Order.SIZE else r.position for r in regions]
        assert keys == sorted(keys)


def test_the_brush_goes_as_far_as_is_preferred_at_once(session: Session, desk: ReviewDesk) -> None:
    desk.editing = True
    desk.editor.choose(replace(desk.editor.options, reach=BrushReach.BOX))
    box = desk.current.box
    for margin in (2, 5):
        session.set_preferences(Preferences(edit_margin=margin))
        place = desk.editor.place
        assert place.box.start == tuple(max(n - margin, 0) for n in box.start)
        assert place.inside.sum() == desk.current.voxel_count
        assert place.may_change.all()
