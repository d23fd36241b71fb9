"""Set the project up and run it: `python3 dev.py demo`, `python3 dev.py test`.

Standard library only. The first run makes `.venv` and installs the pinned versions of
`constraints.txt` there; a later run installs again only where `pyproject.toml` or
`constraints.txt` changed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "installed.sha256"
CONSTRAINTS = ROOT / "constraints.txt"
PROJECT = ".[gui,medical,train,distributed,monai,dev]"

# What Qt and OpenGL load at run time, and a virtual screen for machines without one.
DISPLAY_PACKAGES = (
    "libegl1 libgl1 libglx-mesa0 libgl1-mesa-dri libglib2.0-0 libdbus-1-3 libfontconfig1 "
    "libxkbcommon-x11-0 libx11-xcb1 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 "
    "libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-sync1 libxcb-xfixes0 libxcb-xkb1"
).split()
SCREEN_PACKAGES = ["xvfb", "xauth"]

# Tests that a process of their own runs, in this order: those of windows take longest, and the
# short ones come last, so that two processes at a time end at about the same time.
APART = ["tests/gui", "tests/benchmarks", "tests/cli"]
AT_ONCE = 2


def main() -> int:
    """Run one command of this file; its exit code is the process's."""
    parser = argparse.ArgumentParser(
        description="Set the project up in .venv and run it.", allow_abbrev=False
    )
    parser.add_argument(
        "command",
        choices=["demo", "test", "lint", "lock"],
        help="demo: the main job on the shipped sample (further arguments go to `napari-bayesseg "
        "demo`). test: all checks and tests (further arguments go to pytest). lint: the checks "
        "alone. lock: resolve constraints.txt anew, keeping what still fits.",
    )
    parser.add_argument(
        "--torch",
        choices=["auto", "cpu"],
        default="auto",
        help="build of torch: auto takes a local wheel where pip's find-links holds one, else "
        "the build for this machine's GPU; cpu takes the small one",
    )
    parser.add_argument("--long", action="store_true", help="test: the tests that take minutes too")
    arguments, rest = parser.parse_known_args()
    install(arguments.torch)
    if arguments.command == "demo":
        return demo(rest)
    if arguments.command == "test":
        return test(rest, long=arguments.long)
    if arguments.command == "lint":
        return run_steps(lint_steps(), environment())
    return lock()


# --- installing ----------------------------------------------------------------------------------


def environment(**changes: str) -> dict[str, str]:
    """Return the environment of every child: `.venv` first, bytecode written."""
    env = dict(os.environ)
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH"):
        env.pop(name, None)
    env["VIRTUAL_ENV"] = str(VENV)
    env["PATH"] = os.pathsep.join([str(BIN), env.get("PATH", "")])
    env.update(changes)
    return env


def run(*command: str | Path, env: dict[str, str] | None = None) -> int:
    """Run a command in the project's folder and return its exit code."""
    return subprocess.call([str(part) for part in command], cwd=ROOT, env=env or environment())


def install(torch: str) -> None:
    """Bring `.venv` up to date with `pyproject.toml` and `constraints.txt`."""
    inputs = (ROOT / "pyproject.toml").read_bytes() + CONSTRAINTS.read_bytes() + torch.encode()
    wanted = hashlib.sha256(inputs).hexdigest()
    if STAMP.is_file() and STAMP.read_text() == wanted and PYTHON.exists():
        return
    if not PYTHON.exists():
        make_environment()
    say(f"installing into {VENV}")
    start = time.monotonic()
    has_uv = run(PYTHON, "-m", "pip", "install", "-q", "-c", CONSTRAINTS, "uv") == 0
    if run(*(uv_install(torch) if has_uv else pip_install())) != 0:
        sys.exit("the installation failed: its message is above")
    STAMP.write_text(wanted)
    say(f"installed in {time.monotonic() - start:.0f} s")


def make_environment() -> None:
    if sys.version_info < (3, 11):
        sys.exit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    if run(sys.executable, "-m", "venv", "--clear", VENV) != 0:
        sys.exit("no virtual environment could be made (Debian: sudo apt-get install python3-venv)")


def uv_install(torch: str) -> list[str | Path]:
    command: list[str | Path] = [PYTHON, "-m", "uv", "pip", "install", "--python", PYTHON]
    command += ["--compile-bytecode", "-c", CONSTRAINTS, "--build-constraints", CONSTRAINTS]
    folders = find_links()
    for folder in folders:
        command += ["--find-links", folder]
    # Left alone, an installer takes the newest build for CUDA, several GB, GPU or none.
    if not any(has_torch_wheel(folder) for folder in folders):
        command += ["--torch-backend", torch]
    return [*command, "-e", PROJECT]


def pip_install() -> list[str | Path]:
    say("uv can't be had: pip takes its place, which is slower")
    return [PYTHON, "-m", "pip", "install", "-c", CONSTRAINTS, "-e", PROJECT]


def find_links() -> list[Path]:
    """Return the folders of wheels that pip is told of; uv doesn't read pip's configuration."""
    asked = subprocess.run(
        [str(PYTHON), "-m", "pip", "config", "get", "global.find-links"],
        capture_output=True,
        text=True,
        check=False,
    )
    places = f"{asked.stdout} {os.environ.get('PIP_FIND_LINKS', '')}".split()
    return [Path(place) for place in dict.fromkeys(places) if Path(place).is_dir()]


def has_torch_wheel(folder: Path) -> bool:
    pinned = re.search(r"^torch==(\S+)", CONSTRAINTS.read_text(), re.MULTILINE)
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    return pinned is not None and any(folder.glob(f"torch-{pinned[1]}*-{tag}-*.whl"))


def lock() -> int:
    """Write constraints.txt anew from pyproject.toml, for every platform at once."""
    command = "pip compile pyproject.toml --all-extras --universal --python-version 3.11"
    options = "--strip-extras --no-annotate --no-header --quiet --output-file constraints.txt"
    code = run(PYTHON, "-m", "uv", *command.split(), *options.split())
    lines = CONSTRAINTS.read_text().splitlines()
    # torch pins the parts of its CUDA build itself; a build without CUDA has none.
    kept = [line for line in lines if not re.match(r"#|nvidia-|cuda-|triton", line)]
    header = "# Made by `python3 dev.py lock` from pyproject.toml; every platform, every extra."
    CONSTRAINTS.write_text("\n".join([header, *kept]) + "\n")
    return code


# --- a screen ------------------------------------------------------------------------------------


def has_display() -> bool:
    """Whether windows can be shown here."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def provide_packages(packages: list[str]) -> None:
    """Install missing Debian packages as root; else print the line that does."""
    if shutil.which("dpkg-query") is None or shutil.which("apt-get") is None:
        return
    listing = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    present = {line.split()[0] for line in listing.splitlines() if line.endswith(" installed")}
    # Newer releases append t64 to the names of some libraries.
    missing = [name for name in packages if not present & {name, f"{name}t64"}]
    if not missing:
        return
    line = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        say(f"libraries for the viewer are missing; install them with: sudo {shlex.join(line)}")
        return
    say(f"installing {' '.join(missing)}")
    env = environment(DEBIAN_FRONTEND="noninteractive")
    run("apt-get", "update", "-qq", env=env)
    run(*line, "-qq", env=env)


def virtual_screen() -> list[str]:
    """Return the prefix that gives a command a screen of its own; empty where none is needed."""
    if not sys.platform.startswith("linux"):
        return []
    provide_packages(SCREEN_PACKAGES + DISPLAY_PACKAGES)
    if shutil.which("xvfb-run"):
        return ["xvfb-run", "-a", "-s", "-screen 0 1600x1200x24"]
    if not has_display() and os.environ.get("CI"):
        sys.exit("no screen and no xvfb: the tests of the viewer would be skipped")
    return []


# --- commands ------------------------------------------------------------------------------------


def demo(arguments: list[str]) -> int:
    """Run the main job on the sample, in the viewer where there is a screen."""
    if not has_display() and "--no-viewer" not in arguments:
        say("no display: the pictures are written, no window opens")
        arguments = [*arguments, "--no-viewer"]
    if sys.platform.startswith("linux") and "--no-viewer" not in arguments:
        provide_packages(DISPLAY_PACKAGES)
    if not any(part.split("=")[0] == "--out" for part in arguments):
        arguments = [*arguments, "--out", "demo-out"]
    return run(BIN / "napari-bayesseg", "demo", *arguments)


def lint_steps() -> list[list[str]]:
    return [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["lint-imports"],
        ["npe2", "validate", "--imports", "napari-bayesseg"],
    ]


def test(arguments: list[str], *, long: bool) -> int:
    """Run all checks and tests, the viewer's on a virtual screen."""
    screen = virtual_screen()
    env = environment(MPLBACKEND="Agg", NAPARI_CONFIG="", QT_API="pyside6")
    # torch's threads wait for each other in a busy loop, on cores that the other process needs.
    env["OMP_WAIT_POLICY"] = "PASSIVE"
    if screen:
        env["QT_QPA_PLATFORM"] = "xcb"
        env.pop("WAYLAND_DISPLAY", None)
    everything = ["-m", ""] if long else []
    pytest = [*screen, str(PYTHON), "-m", "pytest", "--durations=10", *everything]
    if arguments:
        return run_steps([*lint_steps(), [*pytest, *arguments]], env)
    others = [*pytest, *(f"--ignore={folder}" for folder in APART)]
    return run_steps(lint_steps(), env, [others, *([*pytest, folder] for folder in APART)])


def run_steps(
    steps: list[list[str]], env: dict[str, str], together: Sequence[list[str]] = ()
) -> int:
    """Run every step, whatever the ones before gave; non-zero if any failed.

    Those to run `together` come last, two at a time; what all but the first of them print comes
    when they have ended.
    """
    report = []
    for step in steps:
        say(shlex.join(step))
        start = time.monotonic()
        code = run(located(step, env)[0], *step[1:], env=env)
        report.append((code, time.monotonic() - start, shlex.join(step)))
    report += run_together(together, env)
    say("all steps")
    for code, seconds, step in report:
        outcome = "ok" if code == 0 else f"FAILED ({code})"
        print(f"{outcome:12} {seconds:6.1f} s  {step}", flush=True)
    return int(any(code != 0 for code, _, _ in report))


def run_together(steps: Sequence[list[str]], env: dict[str, str]) -> list[tuple[int, float, str]]:
    """Run steps side by side, two at a time; return exit code, seconds and command of each."""

    def follow(step: list[str], output: IO[bytes] | None) -> tuple[int, float, str]:
        start = time.monotonic()
        code = subprocess.call(located(step, env), cwd=ROOT, env=env, stdout=output)
        return code, time.monotonic() - start, shlex.join(step)

    report = []
    with ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in steps[1:]]
        outputs = [None, *files]
        workers = ThreadPoolExecutor(AT_ONCE)
        stack.callback(workers.shutdown, cancel_futures=True)  # interrupted, begin no other
        for step in steps:
            say(shlex.join(step))
        running = list(map(workers.submit, repeat(follow), steps, outputs))
        for step, output, done in zip(steps, outputs, running, strict=False):
            report.append(done.result())
            if output is not None:
                say(f"what was printed by {shlex.join(step)}")
                output.seek(0)
                print(output.read().decode(errors="replace"), flush=True)
    return report


def located(step: list[str], env: dict[str, str]) -> list[str]:
    """Return a command with the place of its program."""
    return [shutil.which(step[0], path=env["PATH"]) or step[0], *step[1:]]


def say(text: str) -> None:
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
