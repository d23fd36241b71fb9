"""The review's commands in napari's palette: each finds the tab of the current viewer."""

from __future__ import annotations

import napari
from napari.utils.notifications import show_info

from napari_bayesseg.gui.docks import dock_of
from napari_bayesseg.gui.main_widget import MainWidget
from napari_bayesseg.gui.review.control import NO_REVIEW
from napari_bayesseg.gui.review.keys.actions import PLUGIN
from napari_bayesseg.gui.review.tab import ReviewTab

__all__ = ["find_review_tab", "run_action"]


def find_review_tab(viewer: napari.Viewer) -> ReviewTab:
    """Return the review tab of a viewer; our dock widget is opened where it isn't, and shown."""
    docked = [w for w in viewer.window.dock_widgets.values() if isinstance(w, MainWidget)]
    widget = docked[0] if docked else viewer.window.add_plugin_dock_widget(PLUGIN)[1]
    dock = dock_of(widget)
    if dock is not None:
        dock.show()
        dock.raise_()
    tab: ReviewTab = widget.review_tab
    return tab


def run_action(name: str) -> None:
    """Carry out an action in the current viewer, or say why it can't be."""
    viewer = napari.current_viewer()
    if viewer is None:
        return
    tab = find_review_tab(viewer)
    if not tab.has_review and name != "show_keys":
        show_info(NO_REVIEW)
        return
    tab.control.run(name)


def accept() -> None:
    """Run the action of this name."""
    run_action("accept")


def reject() -> None:
    """Run the action of this name."""
    run_action("reject")


def defer() -> None:
    """Run the action of this name."""
    run_action("defer")


def reopen() -> None:
    """Run the action of this name."""
    run_action("reopen")


def previous_region() -> None:
    """Run the action of this name."""
    run_action("previous_region")


def next_region() -> None:
    """Run the action of this name."""
    run_action("next_region")


def centre() -> None:
    """Run the action of this name."""
    run_action("centre")


def edit() -> None:
    """Run the action of this name."""
    run_action("edit")


def write_note() -> None:
    """Run the action of this name."""
    run_action("write_note")


def fill_region() -> None:
    """Run the action of this name."""
    run_action("fill_region")


def smooth_region() -> None:
    """Run the action of this name."""
    run_action("smooth_region")


def brush_reach() -> None:
    """Run the action of this name."""
    run_action("brush_reach")


def lower_level() -> None:
    """Run the action of this name."""
    run_action("lower_level")


def raise_level() -> None:
    """Run the action of this name."""
    run_action("raise_level")


def apply_contour() -> None:
    """Run the action of this name."""
    run_action("apply_contour")


def undo() -> None:
    """Run the action of this name."""
    run_action("undo")


def redo() -> None:
    """Run the action of this name."""
    run_action("redo")


def hide_overlays() -> None:
    """Run the action of this name."""
    run_action("hide_overlays")


def draw_next() -> None:
    """Run the action of this name."""
    run_action("draw_next")


def draw_previous() -> None:
    """Run the action of this name."""
    run_action("draw_previous")


def play_draws() -> None:
    """Run the action of this name."""
    run_action("play_draws")


def take_draw() -> None:
    """Run the action of this name."""
    run_action("take_draw")


def toggle_runner_up() -> None:
    """Run the action of this name."""
    run_action("toggle_runner_up")


def views() -> None:
    """Run the action of this name."""
    run_action("views")


def compare() -> None:
    """Run the action of this name."""
    run_action("compare")


def show_keys() -> None:
    """Run the action of this name."""
    run_action("show_keys")


def accept_below() -> None:
    """Run the action of this name."""
    run_action("accept_below")


def reject_above() -> None:
    """Run the action of this name."""
    run_action("reject_above")


def save_mask() -> None:
    """Run the action of this name."""
    run_action("save_mask")


def save_decisions() -> None:
    """Run the action of this name."""
    run_action("save_decisions")


def save_crops() -> None:
    """Run the action of this name."""
    run_action("save_crops")


def save_summary() -> None:
    """Run the action of this name."""
    run_action("save_summary")


def begin_from_mask() -> None:
    """Run the action of this name."""
    run_action("begin_from_mask")


def save_journal_head() -> None:
    """Run the action of this name."""
    run_action("save_journal_head")


def check_journal() -> None:
    """Run the action of this name."""
    run_action("check_journal")


def audit() -> None:
    """Run the action of this name."""
    run_action("audit")


def learn() -> None:
    """Run the action of this name."""
    run_action("learn")


def predict_again() -> None:
    """Run the action of this name."""
    run_action("predict_again")


def restore_layers() -> None:
    """Run the action of this name."""
    run_action("restore_layers")
