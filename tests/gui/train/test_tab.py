"""From a scan and labels in a window to a model, as a person does it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.networks.checkpoint import load_card
from napari_bayesseg.session import training_worker
from napari_bayesseg.training.saved_state import state_folder
from tests.gui.train_window import TrainWindow, add_scan, scribble
from tests.training.cases import write_pairs

pytestmark = pytest.mark.viewer

LONG = 100_000


def test_labels_become_a_model_that_predict_offers(train_window: TrainWindow) -> None:
    window, tab = train_window, train_window.tab
    assert window.wait_for_offer() == "Train"
    window.wait(lambda: "Labels 0 (66.7 %), 1 (33.3 %)" in tab.form.data.found.text())
    assert "One scan only" in tab.form.data.found.text()
    tab.form.classes.set_names(("ground", "slab"))
    outcome = window.train()
    assert (outcome.kind, outcome.folder) == ("done", window.models / "scan-bcnn")
    card = load_card(outcome.folder)
    assert card.class_names == ("ground", "slab")
    assert card.training["settings"]["num_validation"] == 0
    assert card.training["settings"]["channels"] == [4, 8]
    assert card.spacing is not None
    assert card.spacing.zyx == (2.0, 0.5, 0.5)
    assert tab.plot.num_steps == 8
    assert tab.plot.checks == ()
    said = tab.message.text()
    assert said.startswith("Done: scan-bcnn is trained: not scored, as no scan was held out")
    model = window.widget.predict_tab.form.model
    assert (model.folder, model.error) == (outcome.folder, "")
    tab.predict.click()
    assert window.widget.tabs.tabText(window.widget.tabs.currentIndex()) == "Predict"
    # The next one does not replace it.
    window.wait(lambda: tab.form.name.name == "scan-bcnn-2")


def test_two_scans_leave_one_to_judge_by(train_window: TrainWindow) -> None:
    window, tab = train_window, train_window.tab
    add_scan(window.viewer, "other", seed=1)
    tab.form.data.layers.add.click()
    rows = tab.form.data.layers
    assert [[choice.currentText() for choice in rows.row(i)] for i in range(2)] == [
        ["scan", "scan truth"],
        ["other", "other truth"],
    ]
    tab.form.method.choose("mc-dropout")
    outcome = window.train()
    assert outcome.kind == "done"
    assert outcome.card is not None
    assert outcome.card.scores["scans"] == ["other"]
    assert [step for step, _ in tab.plot.checks] == [2, 4, 6, 8]
    assert "Dice class 0 0." in tab.message.text() or "Dice class 0 1." in tab.message.text()
    assert "held out" in tab.plot.plot.curves


def test_scribbles_become_a_model(train_window: TrainWindow) -> None:
    window, tab = train_window, train_window.tab
    truth = np.asarray(window.viewer.layers["scan truth"].data)
    tab.form.data.layers.paint.click()
    layer = window.viewer.layers["scan: painted"]
    assert layer.mode == "paint"
    assert tab.form.data.layers.row(0)[1].layer is layer
    tab.form.data.set_scribbled(True)
    window.wait_for_reason("nothing is painted")
    assert tab.form.data.found.text().startswith("No label is painted yet")
    layer.data_setitem(np.nonzero(truth == 0), 1)
    window.wait_for_reason("only label 1 is painted")
    layer.data = scribble(truth)
    assert window.wait_for_offer() == "Train"
    assert tab.form.data.found.text().startswith("Labels 1 (8 voxels), 2 (4 voxels); nothing is")
    assert len(tab.form.classes.edits) == 2
    assert tab.looked is not None
    assert tab.looked.request.settings.foreground_share == 1.0
    outcome = window.train()
    assert outcome.kind == "done"
    assert outcome.card is not None
    assert outcome.card.network.num_classes == 2
    # What was trained on was looked at, and not changed.
    np.testing.assert_array_equal(layer.data, scribble(truth))


def test_folders_become_a_model(train_window: TrainWindow, tmp_path: Path) -> None:
    window, tab = train_window, train_window.tab
    scans, labels = write_pairs(tmp_path / "data")
    tab.form.data.take_folders()
    window.wait_for_reason("no folder of scans")
    tab.form.data.folders.set_folders(scans, tmp_path / "nowhere")
    window.wait_for_reason("there is no such folder")
    tab.form.data.folders.set_folders(scans, labels)
    window.wait_for_offer()
    assert tab.form.settings.editor("num_validation").value == 1
    outcome = window.train()
    assert (outcome.kind, outcome.folder.name) == ("done", "s0-bcnn")
    assert load_card(outcome.folder).scores["scans"] == ["s2"]


def test_a_cancelled_training_goes_on(train_window: TrainWindow) -> None:
    window, tab = train_window, train_window.tab
    window.take_tiny_settings(steps=80)
    window.start()
    assert not tab.form.isEnabled()
    assert tab.run_box.bar.maximum() == 0
    seen = []

    def cancel(_: object) -> None:
        seen.append(tab.run_box.text.text())
        tab.run_box.cancel.click()

    window.widget.session.training.progressed.connect(cancel)
    window.wait(lambda: seen)
    window.widget.session.training.progressed.disconnect(cancel)
    assert seen[0].startswith("step 1 of 80")
    assert "stopping" in tab.run_box.text.text()
    assert window.wait_for_end().kind == "cancelled"
    assert tab.message.text().startswith("Note: cancelled")
    done = tab.plot.num_steps
    assert done < 80
    assert window.wait_for_offer().startswith("Go on training (")
    assert tab.form.name.name == "scan-bcnn"
    window.start()
    assert tab.plot.num_steps == done  # what was learnt before is drawn again
    assert window.wait_for_end().kind == "done"
    assert tab.plot.num_steps == 80
    assert not state_folder(window.models / "scan-bcnn").exists()


def test_other_labels_than_those_begun_with_are_told_and_may_start_anew(
    train_window: TrainWindow,
) -> None:
    window, tab = train_window, train_window.tab
    window.take_tiny_settings(steps=LONG)
    window.start()
    window.wait(lambda: tab.plot.num_steps > 0)
    tab.run_box.cancel.click()
    window.wait_for_end()
    labels = window.viewer.layers["scan truth"]
    labels.data_setitem((np.array([0]), np.array([0]), np.array([0])), 1)
    window.wait(lambda: tab.looked is None)
    assert window.wait_for_offer().startswith("Go on training")
    assert not tab.form.name.replace.isVisible()
    assert window.train().kind == "failed"
    said = tab.message.text()
    assert "training scan scan has changed" in said
    assert "tick Start anew" in said
    window.wait(lambda: tab.form.name.replace.isVisible())
    tab.form.name.replace.click()
    window.take_tiny_settings()
    assert window.wait_for_offer() == "Replace and train"
    assert window.train().kind == "done"


def test_a_model_is_not_replaced_silently(train_window: TrainWindow) -> None:
    window, tab = train_window, train_window.tab
    first = window.train().card
    tab.form.name.set_name("scan-bcnn")
    window.wait(lambda: "there is a model scan-bcnn already" in tab.form.name.state.text())
    assert not tab.run_box.train.isEnabled()
    tab.form.name.replace.click()
    assert window.wait_for_offer() == "Replace and train"
    tab.form.settings.editor("seed").value = 5
    second = window.train().card
    assert first is not None
    assert second is not None
    assert second.weights_sha256 != first.weights_sha256
    card = window.widget.predict_tab.form.model.card
    assert card is not None
    assert card.weights_sha256 == second.weights_sha256
    window.wait(lambda: tab.looked is not None)
    assert not tab.run_box.train.isEnabled()


def test_layers_that_do_not_lie_on_each_other_are_named(train_window: TrainWindow) -> None:
    window, viewer = train_window, train_window.viewer
    viewer.layers["scan truth"].scale = (1.0, 0.5, 0.5)
    window.wait_for_reason("'scan truth' does not lie on 'scan'")
    assert "its scale is (1, 0.5, 0.5), the scan's (2, 0.5, 0.5)" in (
        window.tab.run_box.reason.text()
    )
    viewer.layers["scan truth"].scale = (2.0, 0.5, 0.5)
    window.wait_for_offer()


def test_deleted_layers_stop_no_training_but_are_missed_after_it(
    train_window: TrainWindow,
) -> None:
    window = train_window
    window.take_tiny_settings(steps=60)
    window.start()
    window.wait(lambda: window.tab.plot.num_steps > 0)
    window.viewer.layers.clear()
    assert window.wait_for_end().kind == "done"
    window.wait_for_reason("open a scan first")
    window.tab.train()
    assert len(window.outcomes) == 1


def test_training_and_prediction_wait_for_each_other(train_window: TrainWindow) -> None:
    window, predict = train_window, train_window.widget.predict_tab
    window.take_tiny_settings(steps=LONG)
    window.start()
    window.wait(lambda: "a training is running" in predict.run_box.estimate.text())
    assert not predict.run_box.run.isEnabled()
    window.tab.run_box.cancel.click()
    window.wait_for_end()
    window.wait(lambda: predict.run_box.run.isEnabled())


def test_what_cannot_be_trained_is_said(
    train_window: TrainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, tab = train_window, train_window.tab
    tab.form.settings.editor("patch_shape").value = "8, 7, 8"
    window.wait_for_reason("patch_shape must be a multiple of the network's stride")
    tab.form.settings.editor("patch_shape").value = "8, 8, 8"
    tab.form.settings.editor("num_validation").value = 1
    assert window.train().kind == "failed"
    assert "can't be held out of 1" in tab.message.text()
    tab.form.settings.reset.click()
    window.take_tiny_settings()
    monkeypatch.delitem(sys.modules, "napari_bayesseg.training.train", raising=False)
    monkeypatch.setitem(sys.modules, "napari_bayesseg.training.train", None)
    assert window.train().kind == "failed"
    assert "pip install" in tab.message.text()


def test_a_fault_of_the_program_is_told_too(
    train_window: TrainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(training_worker, "settings_to_train", fail)
    assert train_window.train().kind == "bug"
    assert "report it" in train_window.tab.message.text()
    assert train_window.tab.run_box.train.isVisible()


@pytest.mark.parametrize("how", ["dock", "window"])
def test_closing_while_it_trains_ends_its_thread_and_keeps_what_is_learnt(
    train_window: TrainWindow, how: str
) -> None:
    window = train_window
    window.take_tiny_settings(steps=LONG)
    window.start()
    window.wait(lambda: window.tab.plot.num_steps > 0)
    if how == "dock":
        window.viewer.window.remove_dock_widget(window.widget)
    else:
        window.viewer.close()
    window.wait(lambda: not window.widget.session.training.is_running)
    state = state_folder(window.models / "scan-bcnn")
    assert (state / "state.safetensors").is_file()
    assert window.outcomes == []
