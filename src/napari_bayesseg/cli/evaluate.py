"""``napari-bayesseg evaluate``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from napari_bayesseg.cli import options
from napari_bayesseg.cli.output import progress_bar, say, write_json
from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.result import Result, load_result
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.numerics.uncertainty import MEASURES

if TYPE_CHECKING:
    from napari_bayesseg.evaluation.evaluation import Evaluation

__all__ = ["evaluate"]

# Of the cases, so many have a picture in the report.
_MOST_PICTURES = 6


def evaluate(
    *results: Annotated[Path, Parameter(help="Result stores, *.zarr")],
    labels: Annotated[
        list[Path],
        Parameter(
            help="The truth, on the grid of the scan: one file for all results, or one a result, "
            "in their order",
            consume_multiple=True,
            negative=(),
        ),
    ],
    out: Annotated[Path, Parameter(help="Folder for report.html, report.json and figures")],
    measure: Annotated[
        str,
        Parameter(
            help=f"Uncertainty whose scores stand first: {', '.join(MEASURES)}, or one with the "
            "suffix _excess"
        ),
    ] = "predictive_entropy",
    ignore_label: Annotated[
        int | None,
        Parameter(
            help="Voxels with this label are left out",
            converter=options.whole_number,
            allow_leading_hyphen=True,
        ),
    ] = None,
    names: Annotated[
        str | None,
        Parameter(
            help="Names of the methods, separated by commas, one a result; default the models"
        ),
    ] = None,
    overwrite: Annotated[bool, options.flag("Replace the report of an earlier evaluation")] = False,
    json: options.JsonOutput = False,
) -> None:
    """Judge results by the truth: overlap, surfaces, calibration, worth of the uncertainty.

    Results of one model on several scans are cases of one method; results of several models on the
    same scans are compared, with 95 % intervals over the cases. Voxels without a prediction are
    left out, and counted.
    """
    from napari_bayesseg.evaluation.naming import name_results
    from napari_bayesseg.evaluation.report import (
        PAGE,
        check_report_folder,
        report_values,
        write_report,
    )

    check_report_folder(out, overwrite=overwrite)
    opened, truths = _open(results, labels)
    chosen = options.split_names(names)
    if chosen and len(chosen) != len(opened):
        raise SettingsError(f"names must be one a result, {len(opened)}; got {len(chosen)}")
    pairs = name_results(opened, chosen)
    if len(set(pairs)) < len(pairs):
        raise SettingsError("a result is named twice; give each once, or --names")
    found = _judge(opened, truths, pairs, measure, ignore_label)
    pictures = _draw(opened, truths, found, measure, ignore_label)
    files = write_report(out, found, pictures=pictures, overwrite=overwrite)
    if json:
        write_json({"files": [str(path) for path in files], **report_values(found)})
    else:
        for one in found:
            say(_line(one))
        say(str(out / PAGE))


def _open(results: Sequence[Path], labels: Sequence[Path]) -> tuple[list[Result], list[Volume]]:
    """Open results and the truth of each."""
    if not results:
        raise SettingsError(
            "evaluate needs a result: napari-bayesseg evaluate RESULT --labels FILE"
        )
    if len(labels) not in (1, len(results)):
        raise SettingsError(
            f"labels must be one file for all results or one a result, {len(results)}; "
            f"got {len(labels)}"
        )
    opened = [load_result(path) for path in results]
    volumes = [read_volume(path) for path in labels]
    return opened, volumes if len(volumes) > 1 else volumes * len(opened)


def _judge(
    results: Sequence[Result],
    truths: Sequence[Volume],
    names: Sequence[tuple[str, str]],
    measure: str,
    ignore_label: int | None,
) -> list[Evaluation]:
    from napari_bayesseg.evaluation.evaluate import evaluate as judge

    found = []
    with progress_bar("evaluate") as update:
        for number, (result, truth, (name, case)) in enumerate(
            zip(results, truths, names, strict=True)
        ):

            def tell(share: float, before: int = number, what: str = f"{name}, {case}") -> None:
                update((before + share) / len(results), what)

            found.append(
                judge(
                    result,
                    truth,
                    measure=measure,
                    ignore_label=ignore_label,
                    name=name,
                    case=case,
                    progress=tell,
                )
            )
            if found[-1].voxels_unprocessed:
                sys.stderr.write(
                    f"warning: {result.path}: {found[-1].voxels_unprocessed:,} voxels have no "
                    "prediction and were left out\n"
                )
    return found


def _draw(
    results: Sequence[Result],
    truths: Sequence[Volume],
    evaluations: Sequence[Evaluation],
    measure: str,
    ignore_label: int | None,
) -> list[tuple[str, bytes]]:
    """Draw the worst slice of the first cases; return captions and PNGs."""
    from napari_bayesseg.evaluation.error_picture import draw_errors

    pictures = []
    cases = list(dict.fromkeys(one.case for one in evaluations))
    for case in cases[:_MOST_PICTURES]:
        places = [place for place, one in enumerate(evaluations) if one.case == case]
        z = evaluations[places[0]].worst_slice
        png = draw_errors(
            [(evaluations[place].name, results[place]) for place in places],
            truths[places[0]],
            measure,
            z,
            ignore_label=ignore_label,
        )
        pictures.append((f"{case}, the slice with the most wrong voxels (z = {z}).", png))
    return pictures


def _line(one: Evaluation) -> str:
    from napari_bayesseg.core.unit_symbols import percent_text, unit_symbol
    from napari_bayesseg.evaluation.evaluation import class_mean
    from napari_bayesseg.evaluation.report_text import score_text

    found = percent_text(one.scores().error_removed_at_5_percent)
    return (
        f"{one.name}, {one.case}: Dice {score_text(class_mean(one.dice))}, 95 % Hausdorff "
        f"{score_text(class_mean(one.hausdorff_95))} {unit_symbol(one.unit)}, calibration error "
        f"{score_text(one.expected_calibration_error)}, error AUROC {score_text(one.error_auroc)}; "
        f"the most uncertain 5 % hold {found} of the errors"
    )
