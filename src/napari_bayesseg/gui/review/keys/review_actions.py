"""Rows of the table of actions: what is done with a whole review."""

from __future__ import annotations

from napari_bayesseg.gui.review.keys.action import Action

__all__ = ["REVIEW_ACTIONS"]

REVIEW_ACTIONS = (
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
        "compare",
        "Compare\u2026",
        "compare with another result\u2026",
        "",
        "Show another result of the same scan beside this one, and where the two differ.",
    ),
    Action(
        "learn",
        "Learn",
        "learn from the corrections",
        "",
        "Train the model a little further on what is decided; again to stop.",
    ),
    Action(
        "predict_again",
        "Predict again",
        "predict again with what was learnt",
        "",
        "Predict this scan with the model that has learnt; all decisions are kept.",
    ),
    Action(
        "restore_layers",
        "Restore layers",
        "restore deleted layers",
        "",
        "Bring back the review's layers after they were deleted.",
    ),
)
