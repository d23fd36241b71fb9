"""The one table of review actions: buttons, keys, palette commands and cheat sheet follow it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "ACTIONS",
    "AUDIT_ACTIONS",
    "FINISH_EDIT",
    "PLUGIN",
    "Action",
    "When",
    "actions_of",
    "get_action",
]

PLUGIN = "napari-bayesseg"

When = Literal["always", "editing", "contour", "audit"]


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
    when : str
        Its key works always, while a region is edited, or while a contour is shown: at other times
        it stays napari's.
    """

    id: str
    caption: str
    name: str
    key: str
    tooltip: str
    hold: bool = False
    when: When = "always"

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
        "Paint in this region; strokes stay where the page Edit says. Again, or Escape, to finish.",
    ),
    Action(
        "fill_region",
        "Fill",
        "fill this region with the class",
        "Shift+F",
        "Give the whole region the class of the page Edit, in one step.",
        when="editing",
    ),
    Action(
        "smooth_region",
        "Smooth",
        "smooth the boundaries of this region",
        "Shift+S",
        "Smooth the boundaries here a little; again for more.",
        when="editing",
    ),
    Action(
        "brush_reach",
        "Further",
        "let the brush go further, or stay",
        "Shift+W",
        "Let the brush paint at the region, in the box around it, or anywhere.",
        when="editing",
    ),
    Action(
        "lower_level",
        "Grow",
        "show the contour; grow it",
        ",",
        "Show where the class ends at a level of its mean probability; again for a lower level.",
        when="editing",
    ),
    Action(
        "raise_level",
        "Shrink",
        "show the contour; shrink it",
        ".",
        "Show where the class ends at a level of its mean probability; again for a higher level.",
        when="editing",
    ),
    Action(
        "apply_contour",
        "Apply",
        "take the contour over",
        "Enter",
        "Let the class end at the contour that is shown, in one step.",
        when="contour",
    ),
    Action(
        "write_note",
        "Note",
        "write a note on this region",
        "T",
        "Write down why, in one line; Enter saves it. It goes with the decision into the journal.",
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
        "draw_next",
        "Next",
        "show the next draw of this region",
        "D",
        "Outline what the next draw says about this region; after the last, the label again.",
    ),
    Action(
        "draw_previous",
        "Back",
        "show the previous draw of this region",
        "Shift+D",
        "Outline what the draw before says about this region.",
    ),
    Action(
        "play_draws",
        "Play",
        "play the draws of this region",
        "",
        "Show one draw after the other, four a second; again, or any decision, to stop.",
    ),
    Action(
        "toggle_runner_up",
        "Runner-up",
        "outline the runner-up classes",
        "R",
        "Outline the second likeliest classes inside this region; again to take them away.",
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
        "save_crops",
        "Save crops\u2026",
        "save crops for training\u2026",
        "",
        "Write the decided places as pairs of scan and reviewed labels, ready for training.",
    ),
    Action(
        "save_summary",
        "Save summary\u2026",
        "save a summary of the review\u2026",
        "",
        "Write a page with what was done, what is left and what audits proved, to read or print.",
    ),
    Action(
        "begin_from_mask",
        "From a mask\u2026",
        "begin from a mask of yours\u2026",
        "",
        "Correct a mask that you have instead of the predicted labels; before the first decision.",
    ),
    Action(
        "save_journal_head",
        "Save journal head\u2026",
        "save the journal's head\u2026",
        "",
        "Write the hash that stands for all decisions; kept elsewhere, it proves them later.",
    ),
    Action(
        "check_journal",
        "Check journal\u2026",
        "check the journal\u2026",
        "",
        "Check that no decision was changed or removed, also against a head that was saved before.",
    ),
    Action(
        "audit",
        "Audit",
        "audit random places",
        "Shift+Y",
        "Look at random places among what would be accepted unseen, and learn how much of it can "
        "be wrong.",
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
    "finish_edit",
    "Finish",
    "finish painting",
    "Escape",
    "Stop painting; go on with the review.",
    when="editing",
)
"""Bound only while painting: elsewhere the key stays napari's."""


def actions_of(when: When) -> tuple[Action, ...]:
    """Return the actions whose keys work then."""
    return tuple(action for action in (*ACTIONS, FINISH_EDIT) if action.when == when)


AUDIT_ACTIONS = (
    Action(
        "agree", "Agree", "agree with the label", "J", "In an audit: the label is right here; next."
    ),
    Action(
        "disagree",
        "Disagree",
        "disagree with the label",
        "K",
        "In an audit: the label is wrong here; next.",
    ),
    Action(
        "audit_back",
        "Back",
        "back to the place before",
        "H",
        "In an audit: go back to the place before, to answer again.",
    ),
    Action(
        "stop_audit",
        "Stop",
        "stop the audit",
        "Escape",
        "End the audit now. Places without an answer will count as wrong.",
        when="audit",
    ),
)
"""While an audit is on, these take the place of what the same keys do otherwise."""


def get_action(name: str) -> Action:
    """Return the action with this id.

    Raises
    ------
    KeyError
        If there is none.
    """
    return {action.id: action for action in (*ACTIONS, *AUDIT_ACTIONS)}[name]
