"""``napari-bayesseg train``."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from napari_bayesseg.cli import options
from napari_bayesseg.cli.output import progress_bar, say, write_json
from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.inference.progress import Cancelled
from napari_bayesseg.networks.methods import METHODS, Method
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["train"]

_METHODS_HELP = "; ".join(f"{name}: {record.title}" for name, record in METHODS.items())


def _setting(name: str, converter: Any = None) -> Parameter:
    field = TrainingSettings.model_fields[name]
    default = "" if field.default is None else f"; default {field.default}"
    return Parameter(help=f"{field.description}{default}", converter=converter)


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C into a question that a training can answer between two steps.

    A second Ctrl-C stops at once; what was saved last is kept. Yields whether to stop. A training
    that stops because of it leaves as ``KeyboardInterrupt``.
    """
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        sys.stderr.write("stopping after this step; Ctrl-C again stops at once\n")

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    except Cancelled:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, before)


def train(
    method: Annotated[Method, Parameter(help=_METHODS_HELP)],
    /,
    *,
    scans: Annotated[Path, Parameter(help="Folder of scans, or one scan")],
    labels: Annotated[Path, Parameter(help="Folder of labels, same file names as the scans")],
    out: Annotated[Path, Parameter(help="Model folder to write")],
    settings: Annotated[
        Path | None,
        Parameter(help=f"JSON file with any of: {', '.join(TrainingSettings.model_fields)}"),
    ] = None,
    steps: Annotated[int | None, _setting("steps", options.whole_number)] = None,
    seed: Annotated[int | None, _setting("seed", options.whole_number)] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"] | None, Parameter(help="Where to train; default auto")
    ] = None,
    precision: Annotated[
        Literal["float32", "bfloat16"] | None,
        Parameter(help="Of the network's arithmetic while it is trained; default float32"),
    ] = None,
    num_members: Annotated[int | None, _setting("num_members", options.whole_number)] = None,
    num_validation: Annotated[int | None, _setting("num_validation", options.whole_number)] = None,
    patience: Annotated[int | None, _setting("patience", options.whole_number)] = None,
    ignore_label: Annotated[
        int | None,
        Parameter(
            help="Label value of voxels that nobody has labelled", converter=options.whole_number
        ),
    ] = None,
    suggest: Annotated[
        bool,
        options.flag(
            "Choose network, patch, batch and held-out scans by shape and voxel size of the scans, "
            "as the viewer does; what options and settings file say holds"
        ),
    ] = False,
    title: Annotated[str, Parameter(help="One line for the card", show_default=False)] = "",
    data: Annotated[
        str, Parameter(help="For the card: the data and their licence", show_default=False)
    ] = "",
    licence: Annotated[
        str, Parameter(help="For the card: the model's licence", show_default=False)
    ] = "",
    overwrite: Annotated[
        bool, options.flag("Replace an existing model, or an unfinished training of other settings")
    ] = False,
    json: options.JsonOutput = False,
) -> None:
    """Train a model on pairs of scans and labels, matched by file name.

    The last scans by name are held out: they choose the best checkpoint and give the scores in
    the model card. Options win over the settings file. Ctrl-C stops after the current step; the
    same command then goes on and gives the same model, as it does after a crash.
    """
    try:
        from napari_bayesseg.training.progress import Progress, TrainingHooks
        from napari_bayesseg.training.train import train as run
    except ModuleNotFoundError as error:
        raise SettingsError(
            f'training needs {error.name}, which is missing: pip install "napari-bayesseg[train]"'
        ) from None

    chosen = TrainingSettings.load(
        settings,
        method=method,
        steps=steps,
        seed=seed,
        device=device,
        precision=precision,
        num_members=num_members,
        num_validation=num_validation,
        patience=patience,
        **{"data.ignore_label": ignore_label},
    )
    if suggest:
        chosen = _suggested(scans, labels, chosen)
    with progress_bar(f"train {method}") as update, _stopping() as should_stop:

        def report(now: Progress) -> None:
            which = f"network {now.member} of {now.members}, " if now.members > 1 else ""
            is_last = now.share == 1.0
            update(now.share, "held-out scans" if is_last else f"{which}loss {now.loss:.4f}")
            if now.validation is not None:
                terms = [f"{name.replace('_', ' ')} {term:.4f}" for name, term in now.terms.items()]
                parts = [f"loss {now.loss:.4f}", *terms, f"held out {now.validation:.4f}"]
                sys.stderr.write(f"{which}step {now.step}: {', '.join(parts)}\n")

        card = run(
            scans,
            labels,
            out,
            chosen,
            title=title,
            data=data,
            licence=licence,
            overwrite=overwrite,
            hooks=TrainingHooks(report, should_stop),
        )
    if json:
        write_json(card.model_dump(mode="json"))
        return
    networks = f"{card.members} networks, " if card.members > 1 else ""
    say(f"{out}: {card.method}, {networks}{card.training['parameters']} parameters")
    for name, value in card.scores.get("dice", {}).items():
        if value is not None:
            say(f"  Dice {name}: {value:.4f} (held-out scans)")


def _suggested(scans: Path, labels: Path, settings: TrainingSettings) -> TrainingSettings:
    """Return settings that suit the scans, and say which were chosen."""
    from napari_bayesseg.training.pairs import folder_pairs
    from napari_bayesseg.training.suggest import suggest_for

    found = suggest_for(folder_pairs(scans, labels, settings), settings)
    named = found.model_fields_set - settings.model_fields_set
    values = found.model_dump(include=named)
    parts = [
        f"{name} = {_in_words(values[name])}" for name in type(found).model_fields if name in named
    ]
    sys.stderr.write(f"chosen by the scans: {'; '.join(parts)}\n")
    return found


def _in_words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
