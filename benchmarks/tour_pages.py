"""The tabs Evaluate and Train and the page Learn, each used once by mouse."""

from __future__ import annotations

import time

from benchmarks.camera import Camera
from benchmarks.screen import Screen

__all__ = ["evaluate", "learn", "train"]

_LOOK_SECONDS = 25.0
"""How long a training runs until its picture is taken."""
_PATIENCE_SECONDS = 300.0


def evaluate(screen: Screen, camera: Camera) -> float:
    """Judge the result by the labels of the sample; return the mean Dice."""
    screen.click("tab Evaluate")
    time.sleep(1.0)
    screen.click("button Evaluate")
    screen.wait(lambda state: state["dice"] is not None, _PATIENCE_SECONDS)
    time.sleep(1.5)
    camera.picture(screen, "evaluate")
    camera.frame(screen, 2.0)
    return float(screen.state()["dice"])


def train(screen: Screen, camera: Camera) -> bool:
    """Train on the layers for a while, then cancel; return whether steps were done."""
    screen.click("tab Train")
    time.sleep(2.0)
    return _for_a_while(screen, camera, "train", "Train", "running", "Cancel")


def learn(screen: Screen, camera: Camera) -> bool:
    """Let the model learn from what is decided, then stop it; return whether it was learning."""
    screen.click("tab Review")
    screen.click("tab Learn")
    time.sleep(1.0)
    return _for_a_while(screen, camera, "learn", "Learn", "learning", "Stop")


def _for_a_while(
    screen: Screen, camera: Camera, name: str, begin: str, busy: str, end: str
) -> bool:
    """Click on `begin`, take a picture at work, click on `end`; return whether it was at work."""
    work = f"{name}ing"
    screen.click(f"button {begin}")
    screen.wait(lambda state: state[work] == busy, _PATIENCE_SECONDS)
    time.sleep(_LOOK_SECONDS)
    was_busy = bool(screen.state()[work] == busy)
    camera.picture(screen, name)
    camera.frame(screen, 2.0)
    screen.click(f"button {end}")
    screen.wait(lambda state: state[work] == "idle", _PATIENCE_SECONDS)
    return was_busy
