"""A virtual screen with a mouse, keys and a camera: what a person has, for a script."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from PIL import Image, ImageGrab

__all__ = ["Screen", "missing_programs"]

_PROGRAMS = ("Xvfb", "xdotool")
_START_SECONDS = 90.0


def missing_programs() -> list[str]:
    """Return which programs a virtual screen lacks here."""
    return [name for name in _PROGRAMS if shutil.which(name) is None]


class Screen:
    """A screen of its own, with one window that tells in a file where its buttons are.

    Parameters
    ----------
    folder : Path
        Home of the person: files that the window writes, and its log.
    size : (int, int)
        Width and height in pixels.
    """

    def __init__(self, folder: Path, size: tuple[int, int] = (1280, 800)) -> None:
        self.folder = folder
        self._beacon = folder / "beacon.json"
        self._window: subprocess.Popen[bytes] | None = None
        self._display, self._server = _start_server(size)
        root = Path(__file__).resolve().parents[1]
        paths = [str(root), str(root / "src"), os.environ.get("PYTHONPATH", "")]
        self._env = {
            **os.environ,
            "DISPLAY": self._display,
            "HOME": str(folder),
            "NAPARI_CONFIG": "",
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "QT_QPA_PLATFORM": "xcb",
        }
        self._env.pop("PYTHONDONTWRITEBYTECODE", None)
        self._env.pop("WAYLAND_DISPLAY", None)

    def start(self, *arguments: str) -> None:
        """Start napari as :mod:`benchmarks.tour_window` does, and wait until it is there."""
        self._beacon.unlink(missing_ok=True)
        command = [sys.executable, "-m", "benchmarks.tour_window", str(self._beacon), *arguments]
        with (self.folder / "window.log").open("ab") as log:
            self._window = subprocess.Popen(command, env=self._env, stdout=log, stderr=log)
        self.wait(lambda state: "layers" in state, seconds=_START_SECONDS)
        time.sleep(1.0)

    def kill(self) -> None:
        """Kill the window as a power cut does."""
        assert self._window is not None
        self._window.kill()
        self._window.wait()

    def state(self) -> dict[str, Any]:
        """Return what the window last told of itself."""
        state: dict[str, Any] = self._read()["state"]
        return state

    def wait(self, condition: Callable[[dict[str, Any]], bool], seconds: float = 60.0) -> None:
        """Wait until the window's state fulfils a condition.

        Raises
        ------
        TimeoutError
            If it doesn't.
        """
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            if self._window is not None and self._window.poll() is not None:
                raise RuntimeError(f"the window ended with code {self._window.returncode}")
            if self._beacon.exists() and condition(self.state()):
                return
            time.sleep(0.05)
        raise TimeoutError(f"the window did not get there; it is at {self.state()}")

    def place(self, name: str) -> tuple[int, int, int, int]:
        """Return x, y, width and height of what is called so: exactly, or in part.

        Raises
        ------
        LookupError
            If nothing visible is.
        """
        places = self._read()["places"]
        names = [name] if name in places else [key for key in places if name in key]
        if not names:
            raise LookupError(f"nothing is called {name!r}; there are {sorted(places)}")
        x, y, width, height = places[names[0]]
        return x, y, width, height

    def click(self, name: str, at: tuple[float, float] = (0.5, 0.5)) -> None:
        """Click on something, at a share of its width and height."""
        self._xdotool("mousemove", *self._point(name, at))
        time.sleep(0.1)
        self._xdotool("click", "1")
        time.sleep(0.4)

    def drag(
        self,
        name: str,
        points: Sequence[tuple[float, float]],
        between: Callable[[], None] = lambda: None,
    ) -> None:
        """Press the mouse, move it along points given as shares, and let go."""
        self._xdotool("mousemove", *self._point(name, points[0]))
        self._xdotool("mousedown", "1")
        for point in points[1:]:
            self._xdotool("mousemove", *self._point(name, point))
            time.sleep(0.04)
            between()
        self._xdotool("mouseup", "1")
        time.sleep(0.3)

    def press(self, key: str) -> None:
        """Press a key, as xdotool names it."""
        self._xdotool("key", key)

    def type(self, text: str) -> None:
        """Type a text."""
        self._xdotool("type", "--delay", "15", text)

    def picture(self) -> Image.Image:
        """Return what is on the screen."""
        return ImageGrab.grab(xdisplay=self._display)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._window is not None and self._window.poll() is None:
            self.kill()
        self._server.kill()
        self._server.wait()

    def _read(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self._beacon.read_text(encoding="utf-8"))
        return content

    def _point(self, name: str, at: tuple[float, float]) -> tuple[str, str]:
        x, y, width, height = self.place(name)
        return str(round(x + width * at[0])), str(round(y + height * at[1]))

    def _xdotool(self, *arguments: str) -> None:
        subprocess.run(["xdotool", *arguments], env=self._env, check=True)


def _start_server(size: tuple[int, int]) -> tuple[str, subprocess.Popen[bytes]]:
    """Start a screen on the first free number, which the server itself chooses."""
    read, write = os.pipe()
    screen = f"{size[0]}x{size[1]}x24"
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", screen],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as pipe:
        return f":{pipe.readline().strip()}", server
