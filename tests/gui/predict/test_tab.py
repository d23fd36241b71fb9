"""From a scan in a window to a result, as a person does it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import dask.array
import napari
import numpy as np
import pytest
from napari.layers import Layer
from napari.utils.theme import get_theme
from pytestqt.qtbot import QtBot

from napari_bayesseg.gui.predict.target import Target
from napari_bayesseg.gui.predict.where import VIEW
from napari_bayesseg.inference.result import load_result
from napari_bayesseg.session import prediction_worker
from napari_bayesseg.session.prediction import PredictionRequest
from tests.gui.predict_window import (
    NUM_BLOCKS,
    REVIEW,
    SHAPE,
    PredictWindow,
    noise,
    open_predict_window,
)
from tests.models import write_model
from tests.results import write_result

pytestmark = pytest.mark.viewer


def test_it_says_what_a_run_needs_before_it_runs(predict_window: PredictWindow) -> None:
    tab = predict_window.tab
    assert predict_window.wait_for_offer() == "Run"
    predict_window.wait(lambda: tab.run_box.estimate.text().startswith("about"))
    for unit in (" s,", "of memory", "of disk"):
        assert unit in tab.run_box.estimate.text()
    tab.form.settings.editor("block_shape").value = ""
    tab.form.settings.editor("memory").value = 0.6
    predict_window.wait(lambda: "memory must be at least" in tab.run_box.estimate.text())
    assert not tab.run_box.run.isEnabled()


def test_a_click_makes_a_result_and_opens_its_review(predict_window: PredictWindow) -> None:
    window, tab = predict_window, predict_window.tab
    session = window.widget.session
    seen: list[int] = []
    session.prediction.progressed.connect(lambda _: seen.append(tab.run_box.bar.value()))
    assert not window.widget.tabs.isTabEnabled(REVIEW)
    outcome = window.run()
    assert outcome.kind == "done"
    assert seen == sorted(seen)
    assert max(seen) == NUM_BLOCKS * 2
    result = load_result(window.out)
    labels = window.widget.layers.labels
    assert labels is not None
    np.testing.assert_array_equal(np.asarray(labels.data), result.labels)
    scan = window.viewer.layers["scan"]
    for layer in window.viewer.layers:
        for index in [(0, 0, 0), (15, 31, 31)]:
            np.testing.assert_allclose(layer.data_to_world(index), scan.data_to_world(index))
        assert layer.units == scan.units
    window.wait(lambda: session.desk is not None)
    assert window.widget.tabs.isTabEnabled(REVIEW)
    assert window.widget.tabs.currentIndex() == REVIEW
    assert tab.message.text().startswith("Done: scan.zarr is finished")
    assert window.widget.layers.shade is None


def test_the_layers_are_there_while_it_runs(predict_window: PredictWindow) -> None:
    window = predict_window
    gated = window.use_gate(blocks=3)
    window.start()
    window.wait(gated.is_waiting.is_set)
    window.wait(lambda: window.tab.run_box.bar.value() == 6)
    assert window.tab.run_box.bar.maximum() == 16
    assert window.tab.run_box.text.text().startswith("block 3 of 8 \u00b7 draw 2 of 2")
    assert window.tab.run_box.cancel.isVisible()
    assert not window.tab.form.isEnabled()
    layers = window.widget.layers
    window.wait(lambda: layers.shade is not None)
    heat = layers.heat_map("mutual_information")
    assert heat is not None
    assert heat.visible
    assert layers.shade is not None
    window.wait(lambda: np.asarray(layers.shade.data).mean() == pytest.approx(5 / 8))
    np.testing.assert_array_equal(np.isnan(heat.data), np.asarray(layers.shade.data) == 1)
    gated.gate.set()
    assert window.wait_for_end().kind == "done"


def test_a_cancelled_run_is_resumed(predict_window: PredictWindow) -> None:
    window, tab = predict_window, predict_window.tab
    gated = window.use_gate(blocks=3)
    window.start()
    # The next block is read while the third is computed.
    window.wait(gated.is_waiting.is_set)
    window.wait(lambda: tab.run_box.bar.value() == 6)
    tab.run_box.cancel.click()
    assert "stopping" in tab.run_box.text.text()
    gated.gate.set()
    assert window.wait_for_end().kind == "cancelled"
    assert tab.message.text().startswith("Note: cancelled")
    assert window.wait_for_offer() == "Resume (3 of 8 blocks done)"
    assert "was begun: 3 of 8" in tab.form.out.state.text()
    assert window.run().kind == "done"
    assert window.wait_for_offer() == "Open the finished result"
    window.widget.session.close_result()
    assert not window.widget.tabs.isTabEnabled(REVIEW)
    tab.run_box.run.click()
    window.wait(lambda: window.widget.session.desk is not None)


def test_another_runs_result_is_not_overwritten_silently(predict_window: PredictWindow) -> None:
    window, tab = predict_window, predict_window.tab
    window.run()
    first = load_result(window.out).record["run_id"]
    tab.form.settings.editor("num_samples").value = 3
    window.wait(lambda: "another run" in tab.form.out.state.text())
    assert not tab.run_box.run.isEnabled()
    tab.form.out.replace.click()
    assert window.wait_for_offer() == "Replace and run"
    window.start()
    assert window.wait_for_end().kind == "done"
    assert load_result(window.out).record["run_id"] != first
    assert window.widget.layers.result is not None
    assert window.widget.layers.result.settings.num_samples == 3


def test_a_result_that_names_itself_takes_the_next_free_name(
    predict_window: PredictWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("napari_bayesseg.gui.predict.target.user_documents_path", lambda: tmp_path)
    window, out = predict_window, predict_window.tab.form.out
    out.path_edit.clear()
    out.path_edit.textEdited.emit("")
    window.wait(lambda: out.path is not None)
    assert out.path == tmp_path / "napari-bayesseg" / "scan_small.zarr"
    assert window.run().kind == "done"
    window.tab.form.settings.editor("num_samples").value = 3
    window.wait(lambda: out.path is not None and out.path.name == "scan_small_2.zarr")
    assert window.wait_for_offer() == "Run"


def test_what_is_in_view_comes_first_and_may_be_all(predict_window: PredictWindow) -> None:
    window = predict_window
    scan = window.viewer.layers["scan"]
    window.viewer.dims.set_point(0, scan.data_to_world((12, 0, 0))[0])
    window.viewer.scene.camera.center = (0.0, *scan.data_to_world((12, 28, 28))[1:])
    assert window.tab.form.request().focus == (12, 28, 28)
    written = []
    window.widget.session.prediction.block_written.connect(written.append)
    window.run()
    assert written[0].start == (8, 16, 16)
    window.tab.form.where.choice.setCurrentText(VIEW)
    window.viewer.scene.camera.zoom *= 4
    roi = window.tab.form.where.roi
    assert roi is not None
    assert window.tab.form.request().settings.roi == str(roi)
    window.tab.form.out.set_path(window.out.with_name("part.zarr"))
    assert window.run().kind == "done"
    assert load_result(window.out.with_name("part.zarr")).plan.roi == roi


def test_nothing_to_predict_on_is_said(predict_window: PredictWindow) -> None:
    window, tab = predict_window, predict_window.tab
    window.viewer.layers.clear()
    window.wait(lambda: "open a scan first" in tab.run_box.estimate.text())
    assert not tab.run_box.run.isEnabled()
    tab.run()
    assert tab.message.text().startswith("Error: open a scan first")
    window.viewer.add_image(np.zeros((8, 8, 3), np.uint8), rgb=True, name="photo")
    window.wait(lambda: "photo: is a colour image" in tab.run_box.estimate.text())
    window.viewer.add_image(noise(), name="scan")
    tab.form.scan.setCurrentIndex(0)
    assert window.wait_for_offer() == "Run"


def test_a_bad_setting_is_said(predict_window: PredictWindow) -> None:
    tab = predict_window.tab
    tab.form.settings.editor("block_shape").value = "5, 16, 16"
    predict_window.wait(lambda: "multiple of the network's stride" in tab.run_box.estimate.text())
    assert not tab.run_box.run.isEnabled()


def flat() -> dict[str, object]:
    return {"data": noise((24, 28)), "scale": (0.5, 0.5), "units": ("um",) * 2}


def oblique() -> dict[str, object]:
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]]
    turn[:3, 3] = (10.0, -20.0, 30.0)
    return {"data": noise(), "scale": (2.0, 0.5, 0.25), "affine": turn, "units": ("um",) * 3}


def multiscale() -> dict[str, object]:
    levels = [noise((16, 256, 256))[:, ::step, ::step] for step in (8, 16)]
    return {"data": levels, "multiscale": True, "contrast_limits": (50.0, 150.0)}


SCANS = {
    "flat": flat,
    "oblique": oblique,
    "dask": lambda: {"data": dask.array.from_array(noise(), chunks=(8, 8, 32))},
    "multiscale": multiscale,
}


@pytest.mark.parametrize("kind", SCANS)
def test_scans_of_any_kind_are_predicted_where_they_lie(
    predict_window: PredictWindow, kind: str
) -> None:
    window = predict_window
    window.viewer.layers.clear()
    scan = window.viewer.add_image(name="scan", **SCANS[kind]())
    window.tab.form.settings.editor("block_shape").value = ""
    assert window.run().kind == "done"
    labels = window.widget.layers.labels
    assert labels is not None
    level = scan.data[0] if scan.multiscale else scan.data
    assert tuple(labels.data.shape) == (1, 1, 1, *level.shape)[-3:]
    for fraction in (0.0, 0.3, 1.0):
        index = np.round(fraction * (np.array(level.shape) - 1))
        world = labels.data_to_world((*[0] * (3 - scan.ndim), *index))
        np.testing.assert_allclose(world[-scan.ndim :], scan.data_to_world(index), atol=1e-9)
    assert labels.units[-scan.ndim :] == scan.units
    window.wait(lambda: window.widget.session.desk is not None)


@pytest.mark.filterwarnings("ignore::napari_bayesseg.core.errors.BayesSegWarning")
def test_a_scan_unlike_the_training_data_is_warned_of(
    predict_window: PredictWindow, tmp_path: Path
) -> None:
    spacing = {"zyx": (9.0, 9.0, 9.0), "unit": "micrometer"}
    window, tab = predict_window, predict_window.tab
    tab.form.model.add_folder(write_model(tmp_path / "coarse", card={"spacing": spacing}))
    outcome = window.run()
    assert outcome.unfamiliar
    assert tab.warning.isVisible()
    assert "trained at 9 x 9 x 9 micrometer" in tab.warning.text.text()
    window.wait(lambda: window.widget.session.desk is not None)
    assert window.widget.tabs.currentIndex() == 0
    assert window.widget.tabs.isTabEnabled(REVIEW)


def test_a_deleted_layer_does_not_stop_the_run(predict_window: PredictWindow) -> None:
    window = predict_window
    gated = window.use_gate(blocks=2)
    window.start()
    window.wait(gated.is_waiting.is_set)
    window.wait(lambda: window.widget.layers.heat_map("mutual_information") is not None)
    window.viewer.layers.remove("mutual information (nat)")
    said = window.tab.message.text()
    assert "'mutual information (nat)' was deleted; the run goes on" in said
    window.viewer.layers.clear()
    gated.gate.set()
    assert window.wait_for_end().kind == "done"
    assert load_result(window.out).is_complete


def test_what_a_person_can_mend_is_told_in_one_line(predict_window: PredictWindow) -> None:
    window = predict_window
    window.wait_for_offer()
    weights = write_model(window.out.with_name("broken")) / "weights.safetensors"
    window.tab.form.model.add_folder(weights.parent)
    weights.write_bytes(weights.read_bytes()[:-4])
    window.wait(lambda: "weights.safetensors" in window.tab.run_box.estimate.text())
    assert not window.tab.run_box.run.isEnabled()


def test_a_fault_of_the_program_is_told_too(
    predict_window: PredictWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(prediction_worker, "predict", fail)
    outcome = predict_window.run()
    assert outcome.kind == "bug"
    said = predict_window.tab.message.text()
    assert said.startswith("Error: ")
    assert "report it" in said
    assert predict_window.tab.run_box.run.isVisible()


def test_a_full_disk_in_the_middle_is_told_and_mended_by_resuming(
    predict_window: PredictWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_bayesseg.io import result_store

    window = predict_window
    with monkeypatch.context() as patched:
        patched.setattr(result_store, "sync", _no_room)
        outcome = window.run()
    assert outcome.kind == "failed"
    assert "make room" in window.tab.message.text()
    assert window.wait_for_offer().startswith("Resume (0 of 8")
    assert window.run().kind == "done"


def _no_room(_: Path) -> None:
    raise OSError(28, "No space left on device")


def test_two_viewers_work_at_once(
    predict_window: PredictWindow,
    make_napari_viewer: Callable[..., napari.Viewer],
    qtbot: QtBot,
    small_model: Path,
    tmp_path: Path,
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.add_image(noise(seed=1), name="other")
    second = open_predict_window(viewer, qtbot, small_model, tmp_path / "other.zarr")
    windows = (predict_window, second)
    for window in windows:
        window.start()
    for window in windows:
        assert window.wait_for_end().kind == "done"
    assert [window.widget.layers.labels.name for window in windows] == [
        "scan: labels",
        "other: labels",
    ]
    second.widget.close_session()


def test_a_result_is_opened_with_its_scan(predict_window: PredictWindow, tmp_path: Path) -> None:
    window = predict_window
    probability = np.random.default_rng(0).dirichlet((1, 1, 1), SHAPE).transpose(3, 0, 1, 2)
    values = {"expected_error": 1 - probability.max(0)}
    write_result(tmp_path / "made.zarr", probability, values)
    window.tab.open_box.result_chosen.emit(tmp_path / "made.zarr")
    window.wait(lambda: window.widget.session.desk is not None)
    assert window.widget.layers.heat_map("expected_error") is not None
    assert window.widget.tabs.currentIndex() == REVIEW


def test_what_is_no_result_is_said(predict_window: PredictWindow, tmp_path: Path) -> None:
    predict_window.tab.open_box.result_chosen.emit(tmp_path)
    predict_window.wait(lambda: predict_window.tab.message.text())
    assert "is no result of napari-bayesseg" in predict_window.tab.message.text()


def test_probabilities_become_a_result(predict_window: PredictWindow, tmp_path: Path) -> None:
    window = predict_window
    window.viewer.layers.clear()
    members = []
    for seed in range(2):
        values = np.random.default_rng(seed).dirichlet((1, 1), SHAPE).transpose(3, 0, 1, 2)
        members.append(tmp_path / f"member_{seed}.npy")
        np.save(members[-1], values.astype(np.float32))
    window.tab.open_box.probabilities_chosen.emit(members, tmp_path / "imported.zarr")
    assert window.tab.open_box.busy.isVisible()
    window.wait(lambda: window.widget.session.desk is not None)
    assert load_result(tmp_path / "imported.zarr").settings.num_samples == 2
    assert window.widget.layers.labels is not None


def test_the_same_layers_are_never_offered_as_scans(predict_window: PredictWindow) -> None:
    window = predict_window
    window.run()
    window.wait(lambda: window.widget.session.desk is not None)
    assert [layer.name for layer in window.tab.form.scan.layers] == ["scan"]
    active: Layer | None = window.tab.form.scan_layer
    assert active is window.viewer.layers["scan"]


def test_the_theme_is_followed(predict_window: PredictWindow) -> None:
    for theme in ("light", "dark"):
        predict_window.viewer.theme = theme
        colour = get_theme(theme).warning.as_hex()
        assert colour in predict_window.tab.warning.styleSheet()


def test_what_was_found_out_for_another_request_is_dropped(
    predict_window: PredictWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, gate = predict_window, threading.Event()
    looked: list[Path] = []

    def slowly(request: PredictionRequest) -> Target:
        looked.append(request.out)
        if len(looked) == 1:
            assert gate.wait(20)
        return Target(request.out, "finished" if len(looked) == 1 else "new")

    window.wait_for_offer()
    monkeypatch.setattr("napari_bayesseg.gui.predict.tab.look_at", slowly)
    window.tab.ask()
    window.wait(lambda: looked)
    window.tab.form.out.set_path(window.out.with_name("later.zarr"))
    gate.set()
    assert window.wait_for_offer() == "Run"
    assert window.tab.target is not None
    assert window.tab.target.path.name == "later.zarr"
