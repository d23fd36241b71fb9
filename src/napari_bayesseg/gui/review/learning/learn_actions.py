"""What buttons and commands of learning do."""

from __future__ import annotations

from typing import Any

__all__ = ["LearnActions"]


class LearnActions:
    """The part of :class:`~napari_bayesseg.gui.review.control.ReviewControl` that learns."""

    learning_asked: Any
    """Signal: ``"learn"`` or ``"predict_again"``."""

    def learn(self) -> None:
        """Learn from what is decided, or stop."""
        self.learning_asked.emit("learn")

    def predict_again(self) -> None:
        """Predict with what was learnt."""
        self.learning_asked.emit("predict_again")
