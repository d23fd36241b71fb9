"""``napari-bayesseg train``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from napari_bayesseg.cli import options
from napari_bayesseg.cli.output import progress_bar, say, write_json
from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["train"]


def _setting(name: str) -> Parameter:
    field = TrainingSettings.model_fields[name]
    return Parameter(
        help=f"{field.description}; default {field.default}", converter=options.whole_number
    )


def train(
    method: Annotated[
        Literal["bcnn", "mc-dropout"], Parameter(help="Variational weights, or channel dropout")
    ],
    /,
    *,
    scans: Annotated[Path, Parameter(help="Folder of scans")],
    labels: Annotated[Path, Parameter(help="Folder of labels, same file names as the scans")],
    out: Annotated[Path, Parameter(help="Model folder to write")],
    settings: Annotated[
        Path | None,
        Parameter(help=f"JSON file with any of: {', '.join(TrainingSettings.model_fields)}"),
    ] = None,
    steps: Annotated[int | None, _setting("steps")] = None,
    seed: Annotated[int | None, _setting("seed")] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"] | None, Parameter(help="Where to train; default auto")
    ] = None,
    title: Annotated[str, Parameter(help="One line for the card", show_default=False)] = "",
    data: Annotated[
        str, Parameter(help="For the card: the data and their licence", show_default=False)
    ] = "",
    overwrite: Annotated[bool, options.flag("Replace an existing model")] = False,
    json: options.JsonOutput = False,
) -> None:
    """Train a model on pairs of scans and labels, matched by file name.

    The last scans by name are held out: they choose the best checkpoint and give the scores in
    the model card. Options win over the settings file. Stopping it loses the training so far.
    """
    try:
        from napari_bayesseg.training.loop import Progress
        from napari_bayesseg.training.train import train as run
    except ModuleNotFoundError as error:
        raise SettingsError(
            f'training needs {error.name}, which is missing: pip install "napari-bayesseg[train]"'
        ) from None

    chosen = TrainingSettings.load(settings, method=method, steps=steps, seed=seed, device=device)
    with progress_bar(f"train {method}") as update:

        def report(now: Progress) -> None:
            update(now.step / chosen.steps, f"loss {now.loss:.4f} nat")
            if now.validation is not None:
                sys.stderr.write(
                    f"step {now.step}: loss {now.loss:.4f}, cross-entropy {now.cross_entropy:.4f},"
                    f" held out {now.validation:.4f} nat a voxel\n"
                )

        card = run(
            scans, labels, out, chosen, title=title, data=data, overwrite=overwrite, report=report
        )
    if json:
        write_json(card.model_dump(mode="json"))
        return
    say(f"{out}: {card.method}, {card.training['parameters']} parameters")
    for name, value in card.scores.get("dice", {}).items():
        if value is not None:
            say(f"  Dice {name}: {value:.4f} (held-out scans)")
