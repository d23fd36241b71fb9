"""The one table of review actions: buttons, keys, palette commands and cheat sheet follow it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from napari_bayesseg.gui.review.keys.action import PLUGIN, Action, When
from napari_bayesseg.gui.review.keys.region_actions import REGION_ACTIONS
from napari_bayesseg.gui.review.keys.review_actions import REVIEW_ACTIONS

__all__ = [
    "ACTIONS",
    "ALL_ACTIONS",
    "ANSWERS",
    "AUDIT_ACTIONS",
    "FINISH_EDIT",
    "PLUGIN",
    "Action",
    "When",
    "actions_of",
    "get_action",
]

ACTIONS = (*REGION_ACTIONS, *REVIEW_ACTIONS)
"""Every action with a command, in the order of the cheat sheet."""

FINISH_EDIT = Action(
    "finish_edit",
    "Finish",
    "finish painting",
    "Escape",
    "Stop painting; go on with the review.",
    when="editing",
)
"""Bound only while painting: elsewhere the key stays napari's."""

AUDIT_ACTIONS = (
    Action(
        "agree",
        "Agree",
        "agree with the label",
        "J",
        "In an audit: the label is right here; next.",
        when="instead",
    ),
    Action(
        "disagree",
        "Disagree",
        "disagree with the label",
        "K",
        "In an audit: the label is wrong here; next.",
        when="instead",
    ),
    Action(
        "audit_back",
        "Back",
        "back to the place before",
        "H",
        "In an audit: go back to the place before, to answer again.",
        when="instead",
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
"""What the same keys do while an audit is on, and how it ends."""

ANSWERS: Mapping[str, str] = {
    "accept": "agree",
    "reject": "disagree",
    "previous_region": "audit_back",
}
"""Which answer takes an action's place, and its key, while an audit is on."""

ALL_ACTIONS = (*ACTIONS, FINISH_EDIT, *AUDIT_ACTIONS)


def actions_of(when: When, actions: Iterable[Action] = ALL_ACTIONS) -> tuple[Action, ...]:
    """Return the actions whose keys work then."""
    return tuple(action for action in actions if action.when == when)


def get_action(name: str, actions: Iterable[Action] = ALL_ACTIONS) -> Action:
    """Return the action with this id, with the key that it has in `actions`.

    Raises
    ------
    KeyError
        If there is none.
    """
    return {action.id: action for action in actions}[name]
