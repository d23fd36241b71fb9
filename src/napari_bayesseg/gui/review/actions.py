"""The one table of review actions: buttons, keys, palette commands and cheat sheet follow it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ACTIONS", "FINISH_EDIT", "PLUGIN", "Action", "get_action"]

PLUGIN = "napari-bayesseg"


@dataclass(frozen=True)
class Action:
    """Something that a reviewer can do.

    Attributes
    ----------
    id : str
        ``napari-bayesseg.<id>`` is its command; so is called the method of
        :class:`~napari_bayesseg.gui.review.control.ReviewControl` that does it.
    caption : str
        Of its button, without the key.
    name : str
        In the palette and on the cheat sheet.
    key : str
        As Qt writes it (``"Ctrl+Shift+Z"``); empty where it has none.
    tooltip : str
        What it does, in a sentence or two.
    hold : bool
        Whether it lasts as long as its key is held down; the method ``end_<id>`` then ends it.
    """

    id: str
    caption: str
    name: str
    key: str
    tooltip: str
    hold: bool = False

    @property
    def command(self) -> str:
        """Id of its command."""
        return f"{PLUGIN}.{self.id}"

    @property
    def command_title(self) -> str:
        """Title of its command in the palette."""
        return f"Review: {self.name}"

    @property
    def key_text(self) -> str:
        """The key in words."""
        return f"hold {self.key}" if self.hold else self.key

    @property
    def button_text(self) -> str:
        """Caption with the key, where that is short."""
        return f"{self.caption} ({self.key})" if len(self.key) == 1 else self.caption

    @property
    def button_tooltip(self) -> str:
        """Tooltip with the key."""
        return f"{self.tooltip}\nKey: {self.key_text}" if self.key else self.tooltip


ACTIONS = (
    Action(
        "accept",
        "Accept",
        "accept this region",
        "J",
        "Let the model's label stand in this region; go to the next undecided one.",
    ),
    Action(
        "reject",
        "Reject",
        "reject this region",
        "K",
        "Replace the label in this region as chosen below; go to the next undecided one.",
    ),
    Action(
        "defer",
        "Defer",
        "defer this region",
        "U",
        "Leave this region for later; go to the next undecided one.",
    ),
    Action(
        "reopen",
        "Reopen",
        "reopen this region",
        "",
        "Take back the decision on this region and restore its first labels.",
    ),
    Action(
        "previous_region", "Previous", "previous region", "H", "Go to the region before this one."
    ),
    Action("next_region", "Next", "next undecided region", "N", "Go to the next undecided region."),
    Action(
        "centre",
        "Centre",
        "centre this region",
        "G",
        "Bring this region back to the middle, zoomed to fit.",
    ),
    Action(
        "edit",
        "Edit",
        "paint in this region",
        "W",
        "Paint in this region; strokes stay inside its box. Again, or Escape, to finish.",
    ),
    Action("undo", "Undo", "undo", "Ctrl+Z", "Take back the last decision or stroke."),
    Action("redo", "Redo", "redo", "Ctrl+Shift+Z", "Do again what was taken back."),
    Action(
        "hide_overlays",
        "Hide",
        "hide overlays",
        "Q",
        "Show the scan alone, without maps, labels and outlines, while held down.",
        hold=True,
    ),
    Action(
        "views",
        "Views",
        "orthogonal views",
        "Shift+O",
        "Show the two other planes through this place beside the canvas, or close them.",
    ),
    Action("show_keys", "Keys", "show all keys", "?", "Show all keys."),
    Action(
        "accept_below",
        "Accept all below\u2026",
        "accept all below the upper threshold\u2026",
        "",
        "Accept every pending region whose maximum is below the upper threshold, in one step.",
    ),
    Action(
        "reject_above",
        "Reject all above\u2026",
        "reject all above the upper threshold\u2026",
        "",
        "Reject every pending region whose maximum reaches the upper threshold, in one step.",
    ),
    Action(
        "save_mask",
        "Save mask\u2026",
        "save the reviewed mask\u2026",
        "",
        "Write the reviewed labels to a file.",
    ),
    Action(
        "save_decisions",
        "Save decisions\u2026",
        "save the decisions\u2026",
        "",
        "Write a list of all decisions to a file.",
    ),
    Action(
        "begin_from_mask",
        "From a mask\u2026",
        "begin from a mask of yours\u2026",
        "",
        "Correct a mask that you have instead of the predicted labels; before the first decision.",
    ),
    Action(
        "compare",
        "Compare\u2026",
        "compare with another result\u2026",
        "",
        "Show another result of the same scan beside this one, and where the two differ.",
    ),
    Action(
        "restore_layers",
        "Restore layers",
        "restore deleted layers",
        "",
        "Bring back the review's layers after they were deleted.",
    ),
)
"""Every action, in the order of the cheat sheet."""

FINISH_EDIT = Action(
    "finish_edit", "Finish", "finish painting", "Escape", "Stop painting; go on with the review."
)
"""Bound only while painting: elsewhere the key stays napari's."""


def get_action(name: str) -> Action:
    """Return the action with this id.

    Raises
    ------
    KeyError
        If there is none.
    """
    return {action.id: action for action in ACTIONS}[name]
