"""Rows of the table of actions: what is done at a region, and where the person looks."""

from __future__ import annotations

from napari_bayesseg.gui.review.keys.action import Action

__all__ = ["REGION_ACTIONS"]

REGION_ACTIONS = (
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
        "Shift+T",
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
        "Shift+N",
        "Outline what the next draw says about this region; after the last, the label again.",
    ),
    Action(
        "draw_previous",
        "Back",
        "show the previous draw of this region",
        "Shift+H",
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
        "take_draw",
        "Take",
        "take this draw for this region",
        "Shift+J",
        "Give this region the labels of the draw that is shown; go to the next undecided one.",
    ),
    Action(
        "toggle_runner_up",
        "Runner-up",
        "outline the runner-up classes",
        "Shift+R",
        "Outline the second likeliest classes inside this region; again to take them away.",
    ),
    Action(
        "views",
        "Views",
        "orthogonal views",
        "Shift+O",
        "Show the two other planes through this place beside the canvas, or close them.",
    ),
    Action("show_keys", "Keys", "show all keys", "?", "Show all keys."),
)
