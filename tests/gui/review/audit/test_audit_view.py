"""An audit in a real window: keys, the mark on the voxel, the question."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_bayesseg.gui.review.audit import audit_actions
from napari_bayesseg.gui.review.audit.audit_view import audit_text
from napari_bayesseg.review.audit.audit import AuditPlace
from napari_bayesseg.review.status import Status
from tests.gui.review_window import CTRL, SHIFT, ReviewWindow

pytestmark = pytest.mark.viewer

Key = Qt.Key


def begin(window: ReviewWindow, count: int) -> None:
    window.tab.audits.count.setValue(count)
    window.press(Key.Key_Y, SHIFT)
    window.wait(lambda: window.desk.audit.is_on)
    window.settle()


def shown_voxel(window: ReviewWindow) -> tuple[int, ...]:
    """The voxel in the middle of the canvas, in the slice that is shown."""
    camera, point = window.viewer.scene.camera, window.viewer.dims.point
    place = window.reviewed.world_to_data((point[0], *camera.center[-2:]))
    return tuple(np.round(place).astype(int).tolist())


def test_the_same_fingers_answer_and_then_decide_again(window: ReviewWindow) -> None:
    before = window.text
    begin(window, 4)
    desk, audit = window.desk, window.desk.audit
    places = audit.record.audit.places
    assert "Audit \u00b7 place 1 of 4" in window.text
    assert shown_voxel(window) == places[0].position
    window.press(Key.Key_J)
    assert shown_voxel(window) == places[1].position
    window.press(Key.Key_K)
    window.press(Key.Key_H)
    assert "place 2 of 4 (disagreed)" in window.text
    assert f"'{desk.result.class_names[places[1].label]}'" in window.text
    window.press(Key.Key_J)
    window.press(Key.Key_Z, CTRL)  # an answer is what was done last
    assert audit.place == places[1]
    window.press(Key.Key_K)
    window.press(Key.Key_N)  # no decision, and no other region, in the middle of it
    window.press(Key.Key_U)
    window.press(Key.Key_W)
    assert not desk.editing
    assert "J agrees" in window.tab.messages.message.text()
    assert audit.place == places[2]
    window.press(Key.Key_O, SHIFT)  # looking about is no decision
    assert window.tab.control.side.orthogonal is not None
    window.press(Key.Key_O, SHIFT)
    window.press(Key.Key_J)
    window.press(Key.Key_J)
    assert [audit.former[0].answers[n] for n in range(4)] == [True, False, True, True]
    assert set(desk.statuses.values()) == {Status.PENDING}
    assert window.text == before
    window.press(Key.Key_J)
    assert desk.statuses[1] is Status.ACCEPTED


def test_the_mark_is_on_the_voxel_and_hides_nothing(
    window: ReviewWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_actions, "ask_to_stop", lambda answered, places: True)
    begin(window, 2)
    mark = window.viewer.layers["audited voxel"]
    place = window.desk.audit.place
    np.testing.assert_array_equal(mark.data, [place.position] * 2)
    np.testing.assert_allclose(mark.face_color[:, 3], 0)
    assert window.viewer.layers.selection.active is not mark
    world = mark.data_to_world(place.position)
    np.testing.assert_allclose(world, window.reviewed.data_to_world(place.position))
    window.desk.go_to(9)  # as a handle that is moved may
    window.settle()
    assert shown_voxel(window) == place.position
    window.press(Key.Key_G)
    window.viewer.layers.remove(mark)
    window.press(Key.Key_J)
    again = window.viewer.layers["audited voxel"]
    np.testing.assert_array_equal(again.data[0], window.desk.audit.place.position)
    window.press(Key.Key_Escape)
    assert not window.desk.audit.is_on
    assert "audited voxel" not in window.viewer.layers
    assert window.desk.audit.former[0].outcome.answered == 1


def test_it_goes_on_when_the_window_opens_the_review_again(window: ReviewWindow) -> None:
    begin(window, 3)
    window.press(Key.Key_J)
    place, path = window.desk.audit.place, window.desk.result.path
    window.open(path)
    assert "place 2 of 3" in window.text
    assert shown_voxel(window) == place.position
    assert not window.tab.regions.isEnabled()
    window.press(Key.Key_J)
    window.press(Key.Key_J)
    assert window.tab.regions.isEnabled()
    assert window.desk.audit.former[0].outcome.is_finished


def test_words() -> None:
    place = AuditPlace(6, (0, 0, 0), 1)
    keys = ("J", "K")
    assert audit_text(place, 50, ("pore", "solid"), None, keys) == (
        "Audit \u00b7 place 7 of 50 \u00b7 J agree \u00b7 K disagree\n"
        "Is the label 'solid' right at the frame's centre?"
    )
    assert "(agreed)" in audit_text(place, 50, ("pore",), True, keys)
    assert "'1'" in audit_text(place, 50, ("pore",), False, keys)
    assert "\u00b7 Y agree \u00b7 disagree\n" in audit_text(place, 50, ("pore",), None, ("Y", ""))
