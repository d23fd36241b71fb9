"""The parts of the Predict tab that need no viewer."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QFileDialog

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.gui.predict.model import ModelBox, class_legend
from napari_bayesseg.gui.predict.open_box import OpenBox
from napari_bayesseg.gui.predict.out import OutBox
from napari_bayesseg.gui.predict.predict_box import PredictBox
from napari_bayesseg.gui.predict.target import Target
from napari_bayesseg.inference.plan import Block
from napari_bayesseg.inference.serial_runner import RunProgress
from napari_bayesseg.networks.model_folders import list_models
from tests.models import write_model

pytestmark = pytest.mark.viewer
PLACE = Path("folder") / "r.zarr"


class TestModelBox:
    def test_the_shipped_models_are_offered_with_their_title_and_classes(
        self, qtbot: QtBot
    ) -> None:
        box = ModelBox()
        qtbot.addWidget(box)
        assert [box.choice.itemText(i) for i in range(box.choice.count())] == list(list_models())
        assert box.card is not None
        assert box.title.text() == box.card.title
        assert all(name in box.legend.text() for name in box.card.class_names)
        assert box.folder == list_models()[box.choice.currentText()]

    def test_a_folder_is_added_and_chosen(self, qtbot: QtBot, small_model: Path) -> None:
        box = ModelBox()
        qtbot.addWidget(box)
        with qtbot.waitSignal(box.changed, timeout=1000):
            box.add_folder(small_model)
        assert (box.folder, box.error) == (small_model, "")
        assert box.title.text() == "small"
        count = box.choice.count()
        box.choice.setCurrentIndex(0)
        box.add_folder(small_model)
        assert (box.folder, box.choice.count()) == (small_model, count)

    def test_the_folder_button_asks(
        self, qtbot: QtBot, small_model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        box = ModelBox()
        qtbot.addWidget(box)
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(small_model))
        box.folder_button.click()
        assert box.folder == small_model

    def test_a_folder_without_a_model_says_why(self, qtbot: QtBot, tmp_path: Path) -> None:
        box = ModelBox()
        qtbot.addWidget(box)
        box.add_folder(tmp_path)
        assert box.card is None
        assert "not a model folder" in box.error == box.title.text()
        assert not box.card_button.isEnabled()

    def test_a_folder_with_a_pickle_is_refused(self, qtbot: QtBot, tmp_path: Path) -> None:
        folder = write_model(tmp_path / "bad")
        (folder / "model.pt").write_bytes(b"")
        box = ModelBox()
        qtbot.addWidget(box)
        box.add_folder(folder)
        assert "can run code" in box.error

    def test_the_legend_has_the_labels_colours(self) -> None:
        legend = class_legend(["pore", "a<b"])
        assert "a&lt;b" in legend
        assert legend.count("color:") == 1


class TestOutBox:
    @pytest.fixture
    def box(self, qtbot: QtBot) -> OutBox:
        box = OutBox()
        qtbot.addWidget(box)
        box.show()
        return box

    def test_it_names_itself_until_a_path_is_typed(self, box: OutBox) -> None:
        assert (box.path, box.is_automatic) == (None, True)
        box.propose(PLACE)
        assert (box.path, box.is_automatic) == (PLACE, True)
        box.set_path(Path("mine.zarr"))
        assert (box.path, box.is_automatic) == (Path("mine.zarr"), False)
        box.propose(PLACE)
        assert box.path == Path("mine.zarr")
        box.set_path(Path())
        box.path_edit.clear()
        box.path_edit.textEdited.emit("")
        assert box.is_automatic

    def test_the_suffix_is_added(self, box: OutBox, qtbot: QtBot) -> None:
        qtbot.keyClicks(box.path_edit, "mine.v1")
        assert box.path == Path("mine.v1.zarr")
        box.path_edit.editingFinished.emit()
        assert box.path_edit.text() == "mine.v1.zarr"

    def test_browsing_asks_nothing_about_overwriting(
        self, box: OutBox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []

        def answer(*args: object, **kwargs: object) -> tuple[str, str]:
            asked.append(kwargs["options"])
            return "there.zarr", ""

        monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
        box.browse.click()
        assert box.path == Path("there.zarr")
        assert asked == [QFileDialog.Option.DontConfirmOverwrite]

    def test_another_runs_result_is_replaced_only_when_ticked(self, box: OutBox) -> None:
        box.show_target(Target(PLACE, "other", "r.zarr holds the result of another run (x)"))
        assert "another run" in box.state.text()
        assert box.replace.isVisible()
        assert not box.overwrite
        box.replace.click()
        assert box.overwrite
        box.set_path(Path("elsewhere.zarr"))
        assert not box.overwrite
        box.replace.setChecked(True)
        box.show_target(Target(PLACE, "new"))
        assert not box.replace.isVisible()
        assert not box.overwrite


class TestPredictBox:
    @pytest.fixture
    def box(self, qtbot: QtBot) -> PredictBox:
        box = PredictBox()
        qtbot.addWidget(box)
        box.show()
        return box

    @pytest.mark.parametrize(
        ("target", "caption", "can_run"),
        [
            (None, "Run", False),
            (Target(PLACE, "new"), "Run", True),
            (Target(PLACE, "resume", "", 3, 8), "Resume (3 of 8 blocks done)", True),
            (Target(PLACE, "finished"), "Open the finished result", True),
            (Target(PLACE, "other"), "Run", False),
            (Target(PLACE, "blocked"), "Run", False),
        ],
    )
    def test_the_button_says_what_it_will_do(
        self, box: PredictBox, target: Target | None, caption: str, can_run: bool
    ) -> None:
        box.offer(target)
        assert (box.run.text(), box.run.isEnabled()) == (caption, can_run)
        box.offer(target, "there is a reason")
        assert not box.run.isEnabled()
        assert box.run.toolTip() == "there is a reason"

    def test_replacing_is_said(self, box: PredictBox) -> None:
        box.offer(Target(PLACE, "other"), overwrite=True)
        assert (box.run.text(), box.run.isEnabled()) == ("Replace and run", True)

    def test_progress_takes_the_buttons_place(self, box: PredictBox, qtbot: QtBot) -> None:
        box.show_estimate("about 5 s")
        assert box.estimate.isVisible()
        assert not box.bar.isVisible()
        box.show_started()
        assert not box.run.isVisible()
        assert not box.estimate.isVisible()
        assert box.bar.maximum() == 0
        box.show_progress(RunProgress(1, 4, 2, 8, 5.0))
        assert (box.bar.value(), box.bar.maximum()) == (10, 32)
        assert box.text.text().startswith("block 2 of 4 \u00b7 draw 2 of 8")
        with qtbot.waitSignal(box.cancel_clicked, timeout=1000):
            box.cancel.click()
        box.show_cancelling()
        assert not box.cancel.isEnabled()
        box.show_progress(RunProgress(1, 4, 3, 8, 5.0))
        assert "stopping" in box.text.text()
        box.show_idle()
        assert box.run.isVisible()
        box.show_started()
        assert box.cancel.isEnabled()
        box.show_progress(RunProgress(4, 4, 8, 8, 9.0, Block(3, Roi.whole((1, 1, 1)))))
        assert box.bar.value() == 32


class TestOpenBox:
    def test_a_result_is_asked_for(self, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
        box = OpenBox()
        qtbot.addWidget(box)
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(PLACE))
        with qtbot.waitSignal(box.result_chosen, timeout=1000) as heard:
            box.open.click()
        assert heard.args == [PLACE]
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
        with qtbot.assertNotEmitted(box.result_chosen):
            box.open.click()

    def test_probabilities_and_a_place_for_their_result_are_asked_for(
        self, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        box = OpenBox()
        qtbot.addWidget(box)
        names = ["a/m_1.npy", "a/m_2.npy"]
        proposed = []

        def where(*args: str, **kwargs: object) -> tuple[str, str]:
            proposed.append(Path(args[2]))
            return str(PLACE), ""

        monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (names, ""))
        monkeypatch.setattr(QFileDialog, "getSaveFileName", where)
        with qtbot.waitSignal(box.probabilities_chosen, timeout=1000) as heard:
            box.probabilities.click()
        assert heard.args == [[Path(name) for name in names], PLACE]
        assert proposed == [Path("a") / "m_1_result.zarr"]

    def test_it_waits_while_something_is_opened(self, qtbot: QtBot) -> None:
        box = OpenBox()
        qtbot.addWidget(box)
        box.show()
        assert not box.busy.isVisible()
        box.set_busy(True)
        assert box.busy.isVisible()
        assert not box.open.isEnabled()
