"""What commands say: plain lines or JSON on standard output, progress on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from napari_bayesseg.inference.estimate import RunEstimate
from napari_bayesseg.inference.run import RunHooks
from napari_bayesseg.inference.serial_runner import RunProgress
from napari_bayesseg.io.json_text import json_text

__all__ = ["progress_bar", "run_hooks", "say", "write_json"]


def say(text: str) -> None:
    """Print a line for people on standard output."""
    sys.stdout.write(text + "\n")


def write_json(values: Mapping[str, Any]) -> None:
    """Print one JSON object on standard output; NaN and infinity become null."""
    sys.stdout.write(json_text(values))


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[float, str], None]]:
    """Show a bar on standard error; call the function with a share from 0 to 1 and a text.

    The bar appears with the first call: what is refused before it leaves no empty bar behind.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[detail]}"),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
        TextColumn("left"),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
    )
    bar = Progress(*columns, console=Console(stderr=True), redirect_stdout=False)
    task = bar.add_task(description, total=1.0, detail="")

    def update(share: float, detail: str) -> None:
        bar.start()
        bar.update(task, completed=share, detail=detail)

    try:
        yield update
    finally:
        if bar.live.is_started:
            bar.stop()


@contextmanager
def run_hooks(description: str) -> Iterator[RunHooks]:
    """Show estimate, progress and time left of a run."""

    def estimated(estimate: RunEstimate) -> None:
        sys.stderr.write(f"{description}: {estimate}\n")

    with progress_bar(description) as update:

        def progress(now: RunProgress) -> None:
            part = 0.0 if now.block else now.draws_done / now.num_samples
            update(
                (now.blocks_done + part) / max(now.num_blocks, 1),
                f"block {now.blocks_done + (now.block is None)} of {now.num_blocks}, "
                f"draw {now.draws_done} of {now.num_samples}",
            )

        yield RunHooks(estimated=estimated, progress=progress)
