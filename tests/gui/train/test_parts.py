"""The parts of the Train tab that need no viewer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QFileDialog

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.gui.train.class_names import MOST_CLASSES, ClassNames
from napari_bayesseg.gui.train.folder_rows import FolderRows
from napari_bayesseg.gui.train.look import labels_found
from napari_bayesseg.gui.train.loss_plot import LossPlot
from napari_bayesseg.gui.train.method import MethodBox
from napari_bayesseg.gui.train.name_box import NameBox
from napari_bayesseg.gui.train.outcome import told
from napari_bayesseg.gui.train.place import Place
from napari_bayesseg.gui.train.train_box import TrainBox
from napari_bayesseg.networks.checkpoint import load_card
from napari_bayesseg.networks.methods import METHODS
from napari_bayesseg.session.training import TrainingFolders, TrainingOutcome
from napari_bayesseg.training.progress import Progress
from tests.models import write_model

pytestmark = pytest.mark.viewer
PLACE = Path("models") / "m"


def steps(count: int, *, member: int = 1, members: int = 1, every: int = 2) -> list[Progress]:
    """Return a training whose loss halves with each step."""
    return [
        Progress(
            step,
            count,
            9.0,
            {"cross_entropy": 0.5**step},
            0.1 * step if step % every == 0 else None,
            member,
            members,
        )
        for step in range(1, count + 1)
    ]


class TestLossPlot:
    @pytest.fixture
    def plot(self, qtbot: QtBot) -> LossPlot:
        plot = LossPlot()
        qtbot.addWidget(plot)
        plot.show()
        return plot

    def test_what_is_comparable_is_drawn(self, plot: LossPlot) -> None:
        plot.add(steps(4)[:2])
        plot.add(steps(4)[2:])
        curves = plot.plot.curves
        np.testing.assert_array_equal(curves["_each step"].x, [1, 2, 3, 4])
        np.testing.assert_array_equal(curves["_each step"].y, [0.5, 0.25, 0.125, 0.0625])
        # At first, a plain mean.
        np.testing.assert_allclose(curves["training"].y, [0.5, 0.375, 0.875 / 3, 0.9375 / 4])
        assert plot.checks == ((2, 0.2), (4, 0.4))
        np.testing.assert_array_equal(curves["held out"].y, [0.2, 0.4])

    def test_members_follow_one_another(self, plot: LossPlot) -> None:
        plot.add([*steps(3, members=2), *steps(3, member=2, members=2)])
        curves = plot.plot.curves
        np.testing.assert_array_equal(curves["_each step"].x, [1, 2, 3, 4, 5, 6])
        assert curves["training"].y[3] == 0.5  # the second begins anew
        plot.clear()
        assert (plot.num_steps, plot.plot.curves) == (0, {})

    def test_long_trainings_are_thinned_out(self, plot: LossPlot) -> None:
        plot.add(steps(9001, every=10**6))
        assert plot.num_steps == 9001
        assert plot.plot.curves["training"].x.size <= 2000
        assert "held out" not in plot.plot.curves


class TestTrainBox:
    @pytest.fixture
    def box(self, qtbot: QtBot) -> TrainBox:
        box = TrainBox()
        qtbot.addWidget(box)
        box.show()
        return box

    @pytest.mark.parametrize(
        ("place", "overwrite", "caption", "can_train"),
        [
            (None, False, "Train", False),
            (Place(PLACE, "new"), False, "Train", True),
            (
                Place(PLACE, "resume", "", tuple(steps(4)[:1])),
                False,
                "Go on training (25% done)",
                True,
            ),
            (Place(PLACE, "resume"), True, "Replace and train", True),
            (Place(PLACE, "other"), False, "Train", False),
            (Place(PLACE, "other"), True, "Replace and train", True),
            (Place(PLACE, "blocked"), False, "Train", False),
        ],
    )
    def test_the_button_says_what_it_will_do(
        self, box: TrainBox, place: Place | None, overwrite: bool, caption: str, can_train: bool
    ) -> None:
        box.offer(place, overwrite=overwrite)
        assert (box.train.text(), box.train.isEnabled()) == (caption, can_train)
        assert not box.reason.isVisible()
        box.offer(place, "there is a reason", overwrite=overwrite)
        assert not box.train.isEnabled()
        assert box.reason.isVisible()

    def test_progress_takes_the_buttons_place(self, box: TrainBox, qtbot: QtBot) -> None:
        box.show_started()
        assert not box.train.isVisible()
        assert box.bar.maximum() == 0
        log = steps(10, members=2)
        box.show_progress(log[0], 1)
        assert box.text.text() == "network 1 of 2 \u00b7 step 1 of 10 \u00b7 loss 0.5"
        qtbot.wait(5)
        box.show_progress(log[4], 4)
        assert " left \u00b7 loss 0.0312" in box.text.text()
        assert box.bar.value() == 250
        with qtbot.waitSignal(box.cancel_clicked, timeout=1000):
            box.cancel.click()
        box.show_cancelling()
        box.show_progress(log[5], 1)
        assert "stopping" in box.text.text()
        box.show_started()
        box.show_progress(steps(10)[-1], 10)
        assert "saving the model" in box.text.text()
        box.show_idle()
        assert box.train.isVisible()
        assert not box.cancel.isVisible()


class TestNameBox:
    @pytest.fixture
    def box(self, qtbot: QtBot) -> NameBox:
        box = NameBox()
        qtbot.addWidget(box)
        box.show()
        return box

    def test_it_names_itself_until_a_name_is_typed(self, box: NameBox) -> None:
        box.propose("a")
        assert (box.name, box.is_automatic) == ("a", True)
        box.set_name("mine")
        box.propose("b")
        assert (box.name, box.is_automatic) == ("mine", False)
        box.set_name("")
        box.propose("b")
        assert (box.name, box.is_automatic) == ("b", True)

    def test_what_is_there_is_replaced_only_when_ticked(self, box: NameBox) -> None:
        box.show_place(Place(PLACE, "other", "there is a model m already"))
        assert box.state.text().endswith("choose another name, or")
        box.replace.click()
        assert box.overwrite
        box.set_name("another")
        assert not box.overwrite
        box.show_place(Place(PLACE, "resume", "was begun"))
        assert not box.replace.isVisible()
        box.show_place(Place(PLACE, "resume", "was begun"), may_start_anew=True)
        assert box.replace.text() == "Start anew"
        box.show_place(Place(PLACE, "new"))
        assert not box.state.isVisible()


class TestClassNames:
    def test_names_are_kept_while_classes_come_and_go(self, qtbot: QtBot) -> None:
        box = ClassNames()
        qtbot.addWidget(box)
        assert box.names == ()
        box.show_classes(3)
        assert box.names == ()
        box.set_names(("ground", "pore"))
        assert box.names == ("ground", "pore", "class 2")
        box.show_classes(2, first_label=1)
        assert box.names == ("ground", "pore")
        box.show_classes(MOST_CLASSES + 1)
        assert (box.names, box.isHidden()) == ((), True)
        box.show_classes(3)
        assert box.names == ("ground", "pore", "class 2")


class TestFolderRows:
    def test_both_folders_are_asked_for(
        self, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = FolderRows()
        qtbot.addWidget(rows)
        with pytest.raises(SettingsError, match="no folder of scans"):
            rows.folders()
        rows.scans.setText("a")
        with pytest.raises(SettingsError, match="no folder of labels"):
            rows.folders()
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "b")
        rows._ask(rows.labels, "Labels")
        assert rows.folders() == TrainingFolders(Path("a"), Path("b"))


def test_every_method_is_offered_and_explained(qtbot: QtBot) -> None:
    box = MethodBox()
    qtbot.addWidget(box)
    for name, method in METHODS.items():
        box.choose(name)
        assert box.method == name
        assert box.choice.currentText() == method.title
        assert method.draw[1:] in box.explanation.text()
        assert method.reference in box.explanation.text()


@pytest.mark.parametrize(
    ("counts", "is_scribbled", "text", "problem", "num_classes"),
    [
        ({0: 900, 1: 99, 3: 1}, False, "Labels 0 (90.0 %), 1 (9.9 %), 3 (0.1 %)", "", 4),
        ({0: 900, 1: 60, 2: 40}, True, "Labels 1 (60 voxels), 2 (40 voxels); nothing is", "", 2),
        ({0: 99_999, 1: 1}, False, "Labels 0 (100.0 %), 1 (under 0.1 %)", "", 2),
        ({0: 10}, True, "No label is painted yet", "nothing is painted", 0),
        ({0: 9, 2: 1}, True, "Labels 2 (1 voxel)", "only label 2 is painted", 2),
        ({0: 10}, False, "Labels 0 (100.0 %)", "all voxels have label 0", 1),
        (dict.fromkeys(range(20), 5), False, "7 (5.0 %) and 12 more", "", 20),
    ],
)
def test_labels_are_told(
    counts: dict[int, int], is_scribbled: bool, text: str, problem: str, num_classes: int
) -> None:
    found = labels_found(counts, is_scribbled)
    assert text in found.text
    assert found.problem.startswith(problem)
    assert bool(found.problem) == bool(problem)
    assert found.num_classes == num_classes


def test_how_it_ended_is_told(tmp_path: Path) -> None:
    dice = {"ground": 0.98765, "pore": 0.5, "gone": None}
    folder = write_model(tmp_path / "m", card={"scores": {"dice": dice, "scans": ["s"]}})
    kind, text = told(TrainingOutcome("done", folder, card=load_card(folder)))
    assert kind == "done"
    assert text.startswith("m is trained: Dice ground 0.988, pore 0.500 of held-out scans")
    plain = load_card(write_model(tmp_path / "n"))
    assert "no scan was held out" in told(TrainingOutcome("done", folder, card=plain))[1]
    assert told(TrainingOutcome("failed", folder, "why")) == ("error", "why")
    assert told(TrainingOutcome("cancelled", folder, "so")) == ("note", "so")
