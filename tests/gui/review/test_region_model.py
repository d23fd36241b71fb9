from __future__ import annotations

import time

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QModelIndex, Qt

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.gui.review.region_model import COLUMNS, RegionModel
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.regions.queue import Order
from napari_bayesseg.review.regions.region_table import RegionTable
from napari_bayesseg.review.status import Status

pytestmark = pytest.mark.viewer

Role = Qt.ItemDataRole


def make_table(count: int, labels: np.ndarray | None = None) -> RegionTable:
    regions = tuple(
        Region(
            id=n,
            box=Roi((n, 0, 0), (n + 2, 3, 4)),
            voxel_count=24,
            volume=12345.6,
            expected_error_volume=40.0 / n,
            mean=0.05,
            p95=0.25,
            maximum=0.3 - n / 1e4,
            position=(n, 1, 2),
            classes=(1, 0),
            touches_border=n == 1,
        )
        for n in range(1, count + 1)
    )
    return RegionTable(
        measure="mutual_information",
        threshold=0.1,
        regions=regions,
        region_labels=RegionMap.empty((1, 1, 1)) if labels is None else RegionMap.of_labels(labels),
        expected_error_volume=100.0,
        boundary_uncertainty=0.1,
        class_names=("pore", "particle"),
        unit="micrometer",
        run_id="0",
    )


@pytest.fixture
def model(qtbot: QtBot) -> RegionModel:
    model = RegionModel()
    model.set_table(make_table(5), (3, 1, 2), {1: Status.DEFERRED}, "nat")
    model.set_upper(0.2998)
    return model


def row(model: RegionModel, number: int) -> list[str]:
    return [model.data(model.index(number, column)) for column in range(len(COLUMNS))]


def test_rows_follow_the_queue(model: RegionModel) -> None:
    assert model.rowCount() == 3
    assert model.rowCount(model.index(0, 0)) == 0
    assert [model.id_at(number) for number in range(4)] == [3, 1, 2, None]
    assert (model.row_of(2), model.row_of(5)) == (2, None)
    assert model.data(QModelIndex()) is None


def test_cells_are_short_and_headings_carry_units(model: RegionModel) -> None:
    assert row(model, 0) == [
        *("3", "pending", "13.3", "12,346", "0.05", "0.25", "0.3", "particle, pore", "3", "", "")
    ]
    headings = [
        model.headerData(column, Qt.Orientation.Horizontal) for column in range(len(COLUMNS))
    ]
    assert headings[2] == "expected\nerror (\u00b5m\u00b3)"
    assert headings[6] == "max\n(nat)"
    assert all(
        model.headerData(column, Qt.Orientation.Horizontal, Role.ToolTipRole)
        for column in range(len(COLUMNS))
    )


def test_status_is_a_word_and_a_shape(model: RegionModel) -> None:
    assert row(model, 1)[1] == "deferred"
    pictures = set()
    for status in Status:
        model.set_statuses({1: status}, (1,))
        icon = model.data(model.index(1, 1), Role.DecorationRole)
        assert not icon.isNull()
        pictures.add(bytes(icon.pixmap(16, 16).toImage().constBits()))
    assert len(pictures) == len(Status)


def test_a_decision_redraws_one_cell(model: RegionModel, qtbot: QtBot) -> None:
    heard = []
    model.dataChanged.connect(lambda low, high: heard.append((low.row(), high.row(), low.column())))
    model.set_statuses({1: Status.ACCEPTED, 5: Status.ACCEPTED}, (1, 5))
    assert heard == [(1, 1, 1)]


def test_what_must_be_looked_at_is_marked_by_a_sign(model: RegionModel) -> None:
    assert [row(model, number)[0] for number in range(3)] == ["3", "! 1", "! 2"]
    assert model.data(model.index(1, 0), Role.FontRole).bold()
    assert "Must be looked at" in model.data(model.index(1, 3), Role.ToolTipRole)
    assert "border" in model.data(model.index(1, 3), Role.ToolTipRole)
    model.set_upper(0.1)
    assert row(model, 0)[0] == "! 3"


def test_the_order_is_shown_in_its_heading(model: RegionModel) -> None:
    model.set_order(Order.SIZE)
    assert model.headerData(3, Qt.Orientation.Horizontal).startswith("\u25bc volume")
    assert not model.headerData(2, Qt.Orientation.Horizontal).startswith("\u25bc")


def test_thousands_of_rows_cost_nothing_until_they_are_drawn(qtbot: QtBot) -> None:
    model, table = RegionModel(), make_table(3000)
    start = time.process_time()
    model.set_table(table, range(1, 3001), {}, "nat")
    model.set_ids(range(3000, 0, -1))
    model.set_statuses({7: Status.ACCEPTED}, (7,))
    assert time.process_time() - start < 0.1
    assert row(model, 2993)[1] == "accepted"
    model.clear()
    assert model.rowCount() == 0
