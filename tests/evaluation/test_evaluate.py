from __future__ import annotations

import dataclasses
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_bayesseg.core.errors import FormatError, GeometryError, SettingsError, StoreError
from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.evaluation import maps
from napari_bayesseg.evaluation.evaluate import evaluate, evaluate_arrays
from napari_bayesseg.evaluation.evaluation import Evaluation, class_mean
from napari_bayesseg.inference.result import load_result
from napari_bayesseg.io.json_text import json_text
from napari_bayesseg.numerics.calibration import Reliability
from napari_bayesseg.numerics.error_detection import error_auroc
from napari_bayesseg.numerics.patch_metrics import count_patches
from napari_bayesseg.numerics.ranked_errors import rank_errors
from napari_bayesseg.numerics.surface_distance import surface_distance
from tests.evaluation.cases import NAMES, SHAPE, Case, assert_alike, made
from tests.results import GEOMETRY

CONTRACT = (
    "dice", "jaccard", "hd95_mm", "expected_calibration_error", "brier_score",
    "negative_log_likelihood", "pavpu", "error_auroc", "risk_coverage", "error_removed",
)  # fmt: skip


@pytest.fixture(scope="module")
def case() -> Case:
    return made()


@pytest.fixture(scope="module")
def found(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    return evaluate(case.result(tmp_path_factory.mktemp("made") / "r.zarr"), case.labels())


def test_overlap_and_surfaces_equal_their_definitions(case: Case, found: Evaluation) -> None:
    for label, name in enumerate(NAMES):
        a, b = case.prediction == label, case.truth == label
        assert found.dice[name] == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
        assert found.jaccard[name] == pytest.approx((a & b).sum() / (a | b).sum())
        apart = surface_distance(case.prediction, case.truth, label, GEOMETRY.spacing)
        assert found.hausdorff_95[name] == apart.hausdorff_95 > 0
        assert found.hd95_mm[name] == pytest.approx(apart.hausdorff_95 / 1000)
        assert found.asd_mm[name] == pytest.approx(apart.average / 1000)
    assert found.accuracy == pytest.approx(np.mean(case.prediction == case.truth))
    assert found.unit == "micrometer"
    assert found.voxels == case.truth.size
    assert class_mean(found.dice) == pytest.approx(np.mean(list(found.dice.values())[1:]))


def test_probabilities_are_judged_as_defined(case: Case, found: Evaluation) -> None:
    p = case.probability.astype(np.float64)
    one_hot = np.moveaxis(np.eye(3)[case.truth], -1, 0)
    assert found.brier_score == pytest.approx(((p - one_hot) ** 2).sum(0).mean(), rel=1e-6)
    loss = -np.log((p * one_hot).sum(0)).mean()
    assert found.negative_log_likelihood == pytest.approx(loss, rel=1e-6)
    bins = Reliability()
    bins.update(case.probability.max(0), case.prediction == case.truth)
    expected = bins.compute().expected_calibration_error
    assert found.expected_calibration_error == pytest.approx(expected)
    of_shell = Reliability()
    of_shell.update(case.probability[2], case.truth == 2)
    assert found.class_calibration_error["shell"] == pytest.approx(
        of_shell.compute().expected_calibration_error
    )
    assert sum(found.reliability.counts) == case.truth.size


def test_every_measure_is_judged_by_the_errors(case: Case, found: Evaluation) -> None:
    assert list(found.measures) == list(case.measures)
    voxel = 1 / case.wrong.sum()
    for name, values in case.measures.items():
        scores, exact = found.measures[name], rank_errors(values, case.wrong)
        # As fine as the histogram.
        assert scores.error_auroc == pytest.approx(error_auroc(values, case.wrong), abs=1e-4)
        assert scores.error_auprc == pytest.approx(exact.auprc, abs=2e-3)
        assert scores.aurc == pytest.approx(exact.aurc, abs=1e-4)
        assert scores.excess_aurc == pytest.approx(exact.aurc - exact.optimal_aurc, abs=1e-4)
        removed = float(exact.removed(0.05))
        assert scores.error_removed_at_5_percent == pytest.approx(removed, abs=2e-3)
        curve = scores.error_removed
        np.testing.assert_allclose(curve.removed, exact.removed(curve.reviewed), atol=voxel)
        risk = scores.risk_coverage
        np.testing.assert_allclose(risk.risk, exact.risk(risk.coverage), atol=3e-3)
    assert found.error_auroc > 0.7 > 0.6 > found.measures["mutual_information"].error_auroc
    assert found.curves.error_removed is found.measures["predictive_entropy"].error_removed
    assert found.curves_of("expected_error").pavpu is found.measures["expected_error"].patch_curve


def test_patches_are_those_in_memory(case: Case, found: Evaluation) -> None:
    scores = found.scores()
    counts = count_patches(
        case.prediction,
        case.truth,
        case.measures["predictive_entropy"],
        patch_shape=(4, 4, 4),
        uncertainty_threshold=scores.patch_threshold,
    )
    assert scores.pavpu == pytest.approx(counts.pavpu)
    assert counts.inaccurate_certain + counts.inaccurate_uncertain > 0
    assert scores.accurate_given_certain == pytest.approx(counts.accurate_given_certain)
    assert scores.uncertain_given_inaccurate == pytest.approx(counts.uncertain_given_inaccurate)
    assert scores.patch_curve.pavpu[-1] == pytest.approx(
        scores.patch_curve.accurate_given_certain[-1]
    )


def test_slabs_give_what_the_whole_gives(
    case: Case, found: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maps, "_SLAB_VOXELS", 1)
    again = evaluate(case.result(tmp_path / "r.zarr"), case.labels())
    assert_alike(again.as_json(), found.as_json())


def test_arrays_give_what_a_result_gives(case: Case, found: Evaluation) -> None:
    again = case.evaluation(name=found.name, case=found.case)
    assert_alike(again.as_json(), found.as_json())


def test_it_is_json_with_the_keys_of_the_contract(found: Evaluation) -> None:
    read = json.loads(json_text(found.as_json()))
    assert set(CONTRACT) < read.keys()
    assert read["pavpu"]["value"] == found.pavpu
    assert read["error_removed"]["at_5_percent"] == found.scores().error_removed_at_5_percent
    assert set(read["measures"]) == set(found.measures)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.name = "other"  # type: ignore[misc]


def test_what_was_not_predicted_is_left_out(case: Case, tmp_path: Path) -> None:
    roi = "4:8,0:12,4:14"
    result = case.result(tmp_path / "part.zarr", roi=roi)
    part = evaluate(result, case.labels(), surfaces=False)
    box = np.s_[4:8, :, 4:14]
    inside = Case(
        case.probability[(slice(None), *box)],
        {name: values[box] for name, values in case.measures.items()},
        case.truth[box],
    ).evaluation(name=part.name, case=part.case, surfaces=False)
    assert part.voxels == 4 * 12 * 10
    assert part.voxels_unprocessed == case.truth.size - part.voxels
    expected = {
        **inside.as_json(),
        "voxels_unprocessed": part.voxels_unprocessed,
        "worst_slice": inside.worst_slice + 4,
    }
    assert_alike(part.as_json(), expected)


def test_the_worst_slice_has_the_most_wrong_voxels(case: Case, found: Evaluation) -> None:
    counts = case.wrong.sum(axis=(1, 2))
    assert found.worst_slice == counts.argmax()
    truth = case.truth.copy()
    truth[found.worst_slice] = 9
    counts[found.worst_slice] = 0
    part = dataclasses.replace(case, truth=truth).evaluation(ignore_label=9, surfaces=False)
    assert part.worst_slice == counts.argmax()


def test_an_ignored_label_is_left_out(case: Case) -> None:
    truth = case.truth.copy()
    truth[:, :3] = 255
    part = dataclasses.replace(case, truth=truth).evaluation(ignore_label=255)
    inside = Case(
        case.probability[:, :, 3:],
        {name: values[:, 3:] for name, values in case.measures.items()},
        case.truth[:, 3:],
    ).evaluation()
    assert part.voxels_ignored == 9 * 3 * 14
    assert part.confusion == inside.confusion
    assert part.error_auroc == pytest.approx(inside.error_auroc, rel=1e-12)
    assert part.brier_score == pytest.approx(inside.brier_score)


def test_entropy_and_expected_error_follow_from_the_mean(case: Case, found: Evaluation) -> None:
    bare = dataclasses.replace(case, measures={})
    for name in ("predictive_entropy", "expected_error"):
        made_now = bare.evaluation(measure=name)
        assert list(made_now.measures) == [name]
        assert made_now.error_auroc == pytest.approx(found.scores(name).error_auroc, abs=1e-4)
    with pytest.raises(SettingsError, match="holds no measure 'mutual_information'; judge by"):
        bare.evaluation(measure="mutual_information")
    with pytest.raises(SettingsError, match="got 'doubt'"):
        bare.evaluation(measure="doubt")
    with pytest.raises(SettingsError, match="must be one of predictive_entropy"):
        found.scores("variation_ratio")


def test_an_excess_is_judged_too(case: Case, tmp_path: Path) -> None:
    result = case.result(tmp_path / "r.zarr")
    name = "predictive_entropy_excess"
    judged = evaluate(result, case.labels(), measure=name, surfaces=False)
    values = np.asarray(result.measure(name))
    assert judged.error_auroc == pytest.approx(error_auroc(values, case.wrong), abs=1e-3)
    assert judged.measure == name
    assert judged.hd95_mm == {}


def test_a_scan_without_a_unit_has_no_millimetres(case: Case) -> None:
    found = case.evaluation(unit="pixel")
    assert math.isnan(found.hd95_mm["solid"])
    assert found.hausdorff_95["solid"] > 0
    in_mm = case.evaluation(unit="millimeter")
    assert in_mm.hd95_mm == in_mm.hausdorff_95


def test_what_cannot_be_told_is_nan(case: Case) -> None:
    right = dataclasses.replace(case, truth=case.prediction).evaluation()
    assert right.accuracy == 1
    assert right.hd95_mm["solid"] == 0
    assert math.isnan(right.error_auroc)
    assert json.loads(json_text(right.as_json()))["error_auroc"] is None
    nowhere = np.zeros_like(case.truth)
    missing = dataclasses.replace(case, truth=nowhere).evaluation()
    assert math.isnan(missing.hd95_mm["shell"])
    assert missing.dice["shell"] == 0


@pytest.mark.parametrize("store_dtype", ["float16", "uint8"])
def test_smaller_results_are_judged_alike(
    store_dtype: str, case: Case, found: Evaluation, tmp_path: Path
) -> None:
    small = evaluate(case.result(tmp_path / "r.zarr", store_dtype=store_dtype), case.labels())
    assert small.confusion == found.confusion
    assert small.error_auroc == pytest.approx(found.error_auroc, abs=0.01)
    assert small.brier_score == pytest.approx(found.brier_score, abs=0.01)


def moved(**changes: Any) -> Geometry:
    matrix = GEOMETRY.matrix
    if "shift" in changes:
        matrix[:3, 3] += changes["shift"]
    if "swap" in changes:
        matrix[1:3, 1:3] = [[0, -0.5], [0.5, 0]]
    return Geometry.from_matrix(matrix, changes.get("unit", GEOMETRY.unit))


FITTING = {
    "the same": GEOMETRY,
    "nothing said": Geometry.from_spacing(),
    "another unit": Geometry.from_spacing((0.002, 0.0005, 0.0005), unit="millimeter"),
    "rounded": moved(shift=(0.01, 0.0, 0.0)),
}
OTHERS = {
    "shape": (None, r"must have the shape of .*r\.zarr, \(9, 12, 14\) voxels; got \(9, 12, 13\)"),
    "spacing": (Geometry.from_spacing((2.0, 0.5, 0.6), unit="micrometer"), "spacing of .*r.zarr"),
    "unit": (Geometry.from_spacing((2.0, 0.5, 0.5)), "unit of .*micrometer; got pixel"),
    "place": (moved(shift=(0.0, 3.0, 0.0)), "affine of .* 3 micrometer away"),
    "turned": (moved(swap=True), "affine of .*: export the labels with the geometry"),
}


@pytest.mark.parametrize("name", FITTING)
def test_labels_on_the_same_grid_are_taken(
    name: str, case: Case, found: Evaluation, tmp_path: Path
) -> None:
    judged = evaluate(case.result(tmp_path / "r.zarr"), case.labels(FITTING[name]))
    assert judged.confusion == found.confusion


@pytest.mark.parametrize("name", OTHERS)
def test_labels_on_another_grid_are_refused_by_name(name: str, case: Case, tmp_path: Path) -> None:
    geometry, words = OTHERS[name]
    truth = case.truth[..., :-1] if geometry is None else case.truth
    labels = Volume.from_array(truth.astype(np.uint8), geometry or GEOMETRY, name="truth")
    with pytest.raises(GeometryError, match=f"truth: .*{words}"):
        evaluate(case.result(tmp_path / "r.zarr"), labels)


LABELS: dict[str, tuple[Any, type[Exception], str]] = {
    "beyond the classes": (3, FormatError, "classes from 0 to 2; got 3: if it marks"),
    "below them": (-1, FormatError, "got -1"),
    "fractions": (0.5, FormatError, "whole numbers"),
    "not a number": (math.nan, FormatError, "whole numbers"),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_that_are_no_classes_are_refused(name: str, case: Case) -> None:
    value, kind, words = LABELS[name]
    truth = case.truth.astype(np.float32 if isinstance(value, float) else np.int16)
    truth[3, 4, 5] = value
    with pytest.raises(kind, match=words):
        dataclasses.replace(case, truth=truth).evaluation()


def test_nothing_to_judge_is_refused(case: Case) -> None:
    with pytest.raises(SettingsError, match="1,512 are of the ignored label, 0 have no"):
        dataclasses.replace(case, truth=np.full(SHAPE, 9)).evaluation(ignore_label=9)


def test_arrays_that_do_not_fit_are_refused(case: Case) -> None:
    with pytest.raises(SettingsError, match=r"for the 2 classes a, b; got \(3, 9, 12, 14\)"):
        evaluate_arrays(case.probability, {}, case.truth, (1, 1, 1), ("a", "b"))
    small = {"mutual_information": case.truth[1:] * 0.1}
    with pytest.raises(SettingsError, match=r"mutual_information must be \(9, 12, 14\)"):
        evaluate_arrays(case.probability, small, case.truth, (1, 1, 1), NAMES)
    with pytest.raises(GeometryError, match=r"truth: labels must have the shape of prediction"):
        evaluate_arrays(case.probability, {}, case.truth[1:], (1, 1, 1), NAMES)


def test_a_damaged_result_is_refused(case: Case, tmp_path: Path) -> None:
    case.result(tmp_path / "r.zarr")
    chunk = next(p for p in (tmp_path / "r.zarr/measures").rglob("c/**/*") if p.is_file())
    content = chunk.read_bytes()
    chunk.write_bytes(content[:-4] + bytes(4))
    with pytest.raises(StoreError, match="damaged"):
        evaluate(load_result(tmp_path / "r.zarr"), case.labels())
    chunk.unlink()
    with pytest.raises(StoreError, match="is missing"):
        evaluate(load_result(tmp_path / "r.zarr"), case.labels())
    shutil.rmtree(tmp_path / "r.zarr")


def test_progress_goes_from_0_to_1_and_can_end_it(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maps, "_SLAB_VOXELS", 1)
    heard: list[float] = []
    case.evaluation(progress=heard.append)
    assert heard == sorted(heard)
    assert 0 < heard[0] < heard[-1] == 1

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        case.evaluation(progress=stop)
