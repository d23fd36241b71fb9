"""What a training leaves beside its model: a table of every step, and a picture of the losses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from napari_bayesseg.io.atomic import replace_atomically
from napari_bayesseg.io.tables import write_csv
from napari_bayesseg.training.progress import NetworkRecord, Progress, TrainingRecord

__all__ = ["LOG_NAME", "PLOT_NAME", "draw_losses", "write_log"]

LOG_NAME, PLOT_NAME = "training.csv", "training.png"
_TRAINING, _HELD_OUT, _KEPT = "#1f77b4", "#d1495b", "#222222"
_GREY = "#6b6b6b"
_DPI = 120


def write_log(path: Path, log: Sequence[Progress]) -> None:
    """Write one row a step: member, step, loss, its terms, validation where it was taken."""
    terms = list(dict.fromkeys(name for line in log for name in line.terms))
    rows = (
        [
            line.member,
            line.step,
            line.loss,
            *(line.terms.get(name, "") for name in terms),
            "" if line.validation is None else line.validation,
        ]
        for line in log
    )
    comments = {"losses": "nats per voxel; validation: negative log-likelihood of held-out scans"}
    write_csv(path, ["member", "step", "loss", *terms, "validation"], rows, comments)


def draw_losses(path: Path, record: TrainingRecord, title: str) -> None:
    """Draw loss and validation over the steps, member after member, and the terms below."""
    log = record.log
    names = list(dict.fromkeys(name for line in log for name in line.terms))
    terms = [n for n in names if any(line.terms.get(n) != line.loss for line in log)]
    height = 3.6 + (2.2 if terms else 0.0)
    figure = Figure(figsize=(8.0, height), layout="constrained")
    FigureCanvasAgg(figure)
    ratios = [3.6, 2.2] if terms else [1.0]
    axes = np.atleast_1d(figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios))
    _draw_main(axes[0], log, record.networks)
    axes[0].set_title(title, fontsize=10, loc="left")
    if terms:
        _draw_terms(axes[1], log, terms)
    axes[-1].set_xlabel("step" + (", one member after the other" if log[-1].members > 1 else ""))
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    with replace_atomically(path) as temporary:
        figure.savefig(temporary, dpi=_DPI, format="png", facecolor="white")


def _position(line: Progress) -> int:
    return (line.member - 1) * line.steps + line.step


def _smoothed(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Mean over the steps around each one, a fiftieth of the run: losses of patches are noisy."""
    width = max(1, len(values) // 50)
    kernel = np.ones(width)
    array = np.asarray(values, dtype=np.float64)
    return np.convolve(array, kernel, "same") / np.convolve(np.ones_like(array), kernel, "same")


def _draw_main(axes: Axes, log: Sequence[Progress], networks: Sequence[NetworkRecord]) -> None:
    steps = [_position(line) for line in log]
    losses = [line.loss for line in log]
    axes.plot(steps, losses, color=_TRAINING, alpha=0.22, linewidth=0.7)
    axes.plot(steps, _smoothed(losses), color=_TRAINING, linewidth=1.6, label="training loss")
    judged = [line for line in log if line.validation is not None]
    if judged:
        axes.plot(
            [_position(line) for line in judged],
            [line.validation or 0.0 for line in judged],
            color=_HELD_OUT,
            marker="o",
            markersize=3.5,
            linewidth=1.4,
            label="held-out scans, negative log-likelihood",
        )
    for number, network in enumerate(networks):
        axes.axvline(
            (network.member - 1) * log[0].steps + network.step,
            color=_KEPT,
            linestyle=":",
            linewidth=1.0,
            label="kept" if number == 0 else None,
        )
    _finish(axes, losses)


def _draw_terms(axes: Axes, log: Sequence[Progress], terms: Sequence[str]) -> None:
    steps = [_position(line) for line in log]
    everything: list[float] = []
    for name in terms:
        values = [line.terms.get(name, np.nan) for line in log]
        everything += values
        axes.plot(steps, _smoothed(values), linewidth=1.3, label=name.replace("_", " "))
    _finish(axes, everything)


def _finish(axes: Axes, values: Sequence[float]) -> None:
    if min(values) > 0 and max(values) > 10 * min(values):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel("nats per voxel")
    axes.grid(visible=True, color="#e6e6e6", linewidth=0.7)
    axes.tick_params(colors=_GREY, labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    legend = axes.legend(fontsize=8, loc="upper right", framealpha=0.9, edgecolor="none")
    legend.set_zorder(5)
