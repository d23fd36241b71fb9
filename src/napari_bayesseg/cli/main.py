"""Entry point: the one place where errors become a line and an exit code."""

from __future__ import annotations

import inspect
import io
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any, TextIO

from cyclopts import App, CycloptsError

from napari_bayesseg import __version__
from napari_bayesseg.cli.commands import COMMANDS
from napari_bayesseg.core.errors import BayesSegError, BayesSegWarning

__all__ = ["build_app", "main"]

_INPUT_ERROR = 2
_BUG = 1
_INTERRUPTED = 130


def build_app() -> App:
    """Return the command-line application with all commands."""
    app = App(
        name="napari-bayesseg",
        help="See where a segmentation can't be trusted: Bayesian segmentation of 3D scans.",
        version=__version__,
        help_format="plaintext",
        suppress_keyboard_interrupt=False,
    )
    for position, (name, command) in enumerate(COMMANDS.items()):
        app.command(command, name=name, help=_reflowed(command), sort_key=position)
    return app


def _reflowed(command: Any) -> str:
    """Return a docstring whose paragraphs are one line each, for a terminal of any width."""
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _one_line(message: object) -> str:
    return " ".join(str(message).split())


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if issubclass(category, BayesSegWarning):
        sys.stderr.write(f"warning: {_one_line(message)}\n")


def _run(arguments: Sequence[str] | None) -> None:
    app = build_app()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", BayesSegWarning)
        warnings.showwarning = _show_warning
        app(
            list(sys.argv[1:] if arguments is None else arguments),
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    sys.stdout.flush()  # here, where a reader that has left can still be coped with


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 2 for input or settings, 1 for a bug of ours."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file name or unit that the terminal's encoding can't show is no reason to fail.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        _run(arguments)
    except BayesSegError as error:
        sys.stderr.write(f"error: {_one_line(error)}\n")
        return _INPUT_ERROR
    except CycloptsError as error:
        sys.stderr.write(f"error: {_one_line(error)} (see --help)\n")
        return _INPUT_ERROR
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command continues where it was\n")
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of our output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception:
        traceback.print_exc()
        sys.stderr.write("this is a bug in napari-bayesseg: please report the lines above\n")
        return _BUG
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
