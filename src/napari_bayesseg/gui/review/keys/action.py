"""Something that a reviewer can do: button, key, palette command and line on the cheat sheet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["PLUGIN", "Action", "When"]

PLUGIN = "napari-bayesseg"

When = Literal["always", "editing", "contour", "audit", "instead"]


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
        Its key works always, while a region is edited, while a contour is shown, or in an audit: at
        other times it stays napari's. With ``"instead"`` it takes another action's place and key.
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
        return f"hold {self.key}" if self.hold and self.key else self.key

    @property
    def button_text(self) -> str:
        """Caption with the key, where that is short."""
        return f"{self.caption} ({self.key})" if len(self.key) == 1 else self.caption

    @property
    def button_tooltip(self) -> str:
        """Tooltip with the key."""
        return f"{self.tooltip}\nKey: {self.key_text}" if self.key else self.tooltip
