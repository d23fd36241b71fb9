"""The page on which the model learns, in a real window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.gui.review.learning.learn_panel import LearnPanel
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.io.writers import write_volume
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.review import Review
from tests.gui.review_window import ReviewWindow
from tests.session.places import MEASURE

pytestmark = pytest.mark.viewer

NARROW, LOW = 360, 150  # pixels


@pytest.fixture
def page(window: ReviewWindow, small_model: Path, tmp_path: Path) -> LearnPanel:
    """The page of a real prediction, in which a region is accepted."""
    voxels = np.random.default_rng(7).gamma(3.0, 200.0, (16, 24, 24)).astype(np.uint16)
    geometry = Geometry.from_spacing((2.0, 0.5, 0.5), unit="micrometer")
    write_volume(tmp_path / "scan.ome.tif", voxels, geometry)
    result = predict(
        tmp_path / "scan.ome.tif", small_model, tmp_path / "real.zarr", num_samples=2, device="cpu"
    )
    values = result.read(MEASURE)
    with Review.open(result) as review:
        lower = float(np.percentile(values, 97))
        review.set_settings(RegionSettings(MEASURE, lower, float(values.max())))
    window.widget.session.learning._models = tmp_path / "models"
    window.open(result.path)
    page = window.tab.learning
    window.tab.tasks.show_page(page)
    return page


def test_what_was_made_elsewhere_teaches_nothing(window: ReviewWindow) -> None:
    page = window.tab.learning
    window.press(Qt.Key.Key_J)
    assert page.amount.text() == "Nothing to learn from here."
    assert not any(button.isEnabled() for button in page.buttons.values())
    window.tab.control.run("learn")  # as the palette does
    assert "only models that were trained here can learn" in page.text.text()


def test_learn_and_go_on_with_the_new_prediction(window: ReviewWindow, page: LearnPanel) -> None:
    assert page.amount.text() == "Nothing decided yet."
    assert not page.buttons["learn"].isEnabled()
    window.press(Qt.Key.Key_J)
    window.press(Qt.Key.Key_J)
    window.wait(lambda: page.amount.text().startswith("2 regions decided: "))
    former, labels = window.desk, window.desk.review.labels()
    z, y, x = labels.shape
    settled = former.review.history.voxels.decided(Roi.whole((z, y, x)))
    assert page.amount.text().endswith(f" {settled.sum():,} voxels to learn from")
    assert page.name.text() == "small-learnt-1"
    page.minutes.setValue(0.1)
    window.activate()
    page.name.setFocus()
    page.buttons["learn"].click()
    assert not page.name.hasFocus()
    assert page.buttons["learn"].text() == "Stop"
    assert page.bar.isVisible()
    window.wait(lambda: "step" in page.bar.text())
    window.wait(lambda: window.widget.session.desk not in (None, former))
    window.settle()
    assert window.desk.result.path.name == "real-by-small-learnt-1.zarr"
    np.testing.assert_array_equal(window.desk.review.labels()[settled], labels[settled])
    assert sum(status.is_decided for status in window.desk.statuses.values()) >= 1
    assert "all decisions are kept" in window.tab.messages.notice.text()
    window.wait(lambda: page.name.text() == "small-learnt-2")
    assert page.buttons["learn"].isEnabled()
    assert window.reviewed.data is not None


def test_the_page_is_as_low_as_the_others(window: ReviewWindow, page: LearnPanel) -> None:
    window.press(Qt.Key.Key_J)
    window.wait(lambda: page.amount.text().startswith("1 region decided"))
    assert page.heightForWidth(NARROW - 20) <= LOW
    assert page.minimumSizeHint().width() <= NARROW - 20


def test_stop_writes_no_model(window: ReviewWindow, page: LearnPanel, tmp_path: Path) -> None:
    window.press(Qt.Key.Key_J)
    window.wait(lambda: page.buttons["learn"].isEnabled())
    page.minutes.setValue(60)
    page.buttons["learn"].click()
    window.wait(lambda: "step" in page.bar.text())
    page.buttons["learn"].click()
    assert not page.buttons["learn"].isEnabled()
    window.wait(lambda: "stopped: nothing was learnt" in page.text.text())
    assert page.buttons["learn"].isEnabled()
    assert not page.bar.isVisible()
    assert list((tmp_path / "models").glob("*")) == []
