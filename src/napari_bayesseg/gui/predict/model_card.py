"""A model's card as a page to read: what it was trained on, what it scored, its licence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from numbers import Real
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QPushButton, QTextBrowser, QVBoxLayout, QWidget

from napari_bayesseg.networks.checkpoint import ModelCard
from napari_bayesseg.networks.methods import METHODS

__all__ = ["ModelCardDialog", "card_page"]


class ModelCardDialog(QDialog):
    """Shows a card beside the window, without stopping the work there."""

    def __init__(self, card: ModelCard, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Model card: {card.name}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.page = QTextBrowser()
        self.page.setOpenExternalLinks(True)
        self.page.setHtml(card_page(card, folder))
        close = QPushButton("Close")
        close.clicked.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(self.page)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
        self.resize(520, 560)


def card_page(card: ModelCard, folder: Path) -> str:
    """Return a card as HTML in the colours of whatever shows it."""
    rows = "".join(
        f"<tr><td style='padding-right: 12px'><b>{escape(caption)}</b></td>"
        f"<td>{escape(text)}</td></tr>"
        for caption, text in _rows(card, folder)
        if text
    )
    return f"<h3>{escape(card.title or card.name)}</h3><table cellspacing='6'>{rows}</table>"


def _rows(card: ModelCard, folder: Path) -> Iterator[tuple[str, str]]:
    training, scores = card.training, card.scores
    yield "Name", card.name
    method = METHODS[card.method]
    yield "Method", f"{method.title}: {method.draw}"
    yield "Classes", ", ".join(f"{index} {name}" for index, name in enumerate(card.class_names))
    if card.spacing is not None:
        lengths = " x ".join(f"{length:g}" for length in card.spacing.zyx)
        yield "Voxels", f"{lengths} {card.spacing.unit} (z, y, x) in training"
    yield "Trained on", card.data
    yield "Scans", _listed(training.get("scans"))
    if isinstance(training.get("voxels"), Real):
        yield "Voxels seen", f"{training['voxels']:,}"
    if isinstance(training.get("parameters"), Real):
        yield "Parameters", f"{training['parameters']:,}"
    yield "Tested on", _listed(scores.get("scans"))
    yield "Dice", _numbers(scores.get("dice"))
    for name, caption in (
        ("error_auroc_predictive_entropy", "Error AUROC, predictive entropy"),
        ("error_auroc_mutual_information", "Error AUROC, mutual information"),
    ):
        if isinstance(scores.get(name), Real):
            yield caption, f"{scores[name]:.3f}"
    yield "Licence", card.licence
    yield "Weights", card.weights_sha256[:16]
    yield "Folder", str(folder)


def _listed(values: Any) -> str:
    return ", ".join(map(str, values)) if isinstance(values, list | tuple) else ""


def _numbers(values: Any) -> str:
    if not isinstance(values, Mapping):
        return ""
    known = {name: value for name, value in values.items() if isinstance(value, Real)}
    return ", ".join(f"{name} {value:.3f}" for name, value in known.items())
