"""How a training ended, in a line."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Literal

from napari_bayesseg.networks.checkpoint import ModelCard
from napari_bayesseg.session.training import TrainingOutcome

__all__ = ["told"]

_MOST_CLASSES = 6


def told(outcome: TrainingOutcome) -> tuple[Literal["note", "done", "error"], str]:
    """Return the kind of message, and the message."""
    if outcome.kind == "done" and outcome.card is not None:
        scores = _scores(outcome.card)
        return "done", f"{outcome.folder.name} is trained: {scores}; it is chosen in Predict"
    return ("note" if outcome.kind == "cancelled" else "error"), outcome.message


def _scores(card: ModelCard) -> str:
    dice = card.scores.get("dice")
    if not isinstance(dice, Mapping):
        return "not scored, as no scan was held out"
    known = {name: value for name, value in dice.items() if isinstance(value, Real)}
    if not known:
        return "not scored, as no scan was held out"
    parts = [f"{name} {float(value):.3f}" for name, value in list(known.items())[:_MOST_CLASSES]]
    more = f" and {len(known) - _MOST_CLASSES} more" if len(known) > _MOST_CLASSES else ""
    return f"Dice {', '.join(parts)}{more} of held-out scans"
