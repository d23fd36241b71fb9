from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from napari_bayesseg.gui.predict.model_card import ModelCardDialog, card_page
from napari_bayesseg.networks.checkpoint import load_card
from napari_bayesseg.networks.model_folders import find_model


def test_a_card_tells_what_one_must_know_before_trusting_a_model() -> None:
    folder = find_model("electrode-bcnn")
    page = card_page(load_card(folder), folder)
    for said in (
        "Bayesian V-Net for X-ray CT of porous electrodes",
        "0 pore, 1 particle, 2 binder",
        "0.5 x 0.5 x 0.5 micrometer",
        "simulated X-ray CT",
        "electrode_08, electrode_09",
        "particle 0.989",
        "0.975",
        "BSD-3-Clause",
        str(folder),
    ):
        assert said in page


def test_a_card_that_says_little_makes_a_short_page(small_model: Path) -> None:
    card = load_card(small_model).model_copy(update={"title": "<b>mine</b>"})
    page = card_page(card, small_model)
    assert "&lt;b&gt;mine" in page
    assert "Dice" not in page
    assert "Trained on" not in page


def test_odd_scores_are_left_out(small_model: Path) -> None:
    scores = {"dice": {"a": None, "b": 0.5}, "scans": 3, "error_auroc_mutual_information": "?"}
    page = card_page(load_card(small_model).model_copy(update={"scores": scores}), small_model)
    assert "b 0.500" in page
    assert "AUROC" not in page


@pytest.mark.viewer
def test_it_opens_beside_the_work(small_model: Path, qtbot: QtBot) -> None:
    dialog = ModelCardDialog(load_card(small_model), small_model)
    dialog.show()
    assert not dialog.isModal()
    assert "class 0" in dialog.page.toPlainText()
    with qtbot.waitSignal(dialog.destroyed, timeout=2000):
        dialog.close()
