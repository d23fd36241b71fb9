"""Pictures of a window on a virtual screen, for the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from benchmarks.screen import Screen

__all__ = ["FRAME_SECONDS", "Camera"]

FRAME_SECONDS = 0.12
"""How long a frame of the animation stays."""

_GIF_SIZE = (960, 600)
_GIF_COLOURS = 200


@dataclass
class Camera:
    """Takes pictures for the documentation, or none.

    Attributes
    ----------
    folder : Path or None
        Where they go.
    """

    folder: Path | None
    frames: list[Image.Image] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def picture(self, screen: Screen, name: str) -> None:
        """Write a picture."""
        if self.folder is not None:
            screen.picture().save(self.folder / f"{name}.png", optimize=True)

    def frame(self, screen: Screen, seconds: float = FRAME_SECONDS) -> None:
        """Take a frame of the animation and say how long it stays."""
        if self.folder is not None:
            self.frames.append(screen.picture().resize(_GIF_SIZE, Image.Resampling.LANCZOS))
            self.seconds.append(seconds)

    def write(self, name: str) -> None:
        """Write the animation."""
        if self.folder is None:
            return
        palette = _common(self.frames).quantize(_GIF_COLOURS, Image.Quantize.MEDIANCUT)
        images = [frame.quantize(palette=palette, dither=0) for frame in self.frames]
        images[0].save(
            self.folder / f"{name}.gif",
            save_all=True,
            append_images=images[1:],
            duration=[round(1000 * seconds) for seconds in self.seconds],
            loop=0,
            optimize=True,
        )


def _common(frames: Sequence[Image.Image]) -> Image.Image:
    """Return some frames one below the other: the colours of all."""
    chosen = frames[:: max(1, len(frames) // 8)]
    width, height = chosen[0].size
    together = Image.new("RGB", (width, height * len(chosen)))
    for number, frame in enumerate(chosen):
        together.paste(frame, (0, number * height))
    return together
