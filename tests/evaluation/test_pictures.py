from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.evaluation import pictures
from napari_bayesseg.evaluation.panels import DPI
from napari_bayesseg.evaluation.pictures import draw_comparison, draw_regions, draw_slice
from napari_bayesseg.inference.result import Result
from napari_bayesseg.numerics.regions import find_regions
from napari_bayesseg.numerics.uncertainty import MEASURES
from tests.results import GEOMETRY, write_result

SHAPE = (4, 20, 24)
NAMES = ("predictive_entropy", "mutual_information", "variation_ratio", "expected_error")


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures behind the files."""
    kept: list[Figure] = []

    class Kept(Figure):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            kept.append(self)

    monkeypatch.setattr(pictures, "Figure", Kept)
    return kept


def made(path: Path, shape: tuple[int, int, int] = SHAPE, **changes: Any) -> tuple[Result, Volume]:
    rng = np.random.default_rng(0)
    values = rng.random((3, *shape)) + 0.1
    probability = values / values.sum(0)
    measures = {name: rng.random(shape) * 0.5 for name in NAMES}
    geometry = changes.pop("geometry", GEOMETRY)
    result = write_result(path, probability, measures, geometry=geometry, **changes)
    grey = rng.gamma(3.0, 200.0, shape).astype(np.float32)
    return result, Volume.from_array(grey, geometry, name="made")


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def assert_drawn(path: Path, figure: Figure) -> np.ndarray:
    """The file has the figure's size, and something is on it everywhere."""
    pixels = picture(path)
    width, height = (figure.get_size_inches() * DPI).astype(int)
    assert abs(pixels.shape[0] - height) <= 1
    assert abs(pixels.shape[1] - width) <= 1
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 200
    for quarter in (pixels[: height // 2], pixels[height // 2 :]):
        assert 0.1 < np.mean(quarter < 250) < 1
    return pixels


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(match=lambda a: hasattr(a, "get_text"))]


def test_a_slice_shows_scan_labels_and_every_measure_with_its_unit(
    tmp_path: Path, figures: list[Figure]
) -> None:
    result, scan = made(tmp_path / "r.zarr", class_names=["pore", "solid", "binder"])
    path = draw_slice(result, scan, 2, tmp_path / "s.png")
    (figure,) = figures
    assert path == tmp_path / "s.png"
    assert_drawn(path, figure)
    found = texts(figure)
    assert "made, slice z = 2" in found
    for name in NAMES:
        assert MEASURES[name].title in found
        assert MEASURES[name].unit in found
    assert {"solid", "binder"} <= set(found)
    assert "2 µm" in found  # the scale bar: a quarter of 24 x 0.5 um, rounded down to 1, 2 or 5
    bars = [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]
    assert len(bars) == len(NAMES)
    assert all(bar.get_ylim()[0] == 0 for bar in bars)
    titles = [axes.get_title() for axes in figure.axes]
    assert len([t for t in titles if t]) == 2 + len(NAMES)


def test_the_pictures_show_the_slice_that_was_asked_for(
    tmp_path: Path, figures: list[Figure]
) -> None:
    result, scan = made(tmp_path / "r.zarr")
    draw_slice(result, scan, 3, tmp_path / "s.png")
    images = [axes.images for axes in figures[0].axes if axes.images]
    np.testing.assert_array_equal(images[0][0].get_array(), scan.data[3])
    np.testing.assert_array_equal(images[1][1].get_array(), np.asarray(result.labels)[3])
    np.testing.assert_array_equal(images[2][0].get_array(), result.measure(NAMES[0])[3])
    # Heights and widths are in the right ratio.
    assert figures[0].axes[0].get_aspect() == 1.0


def test_unequal_spacing_is_drawn_as_it_is(tmp_path: Path, figures: list[Figure]) -> None:
    geometry = Geometry.from_spacing((2.0, 1.0, 0.25), unit="millimeter")
    result, scan = made(tmp_path / "r.zarr", geometry=geometry)
    draw_slice(result, scan, 0, tmp_path / "s.png")
    assert figures[0].axes[0].get_aspect() == 4.0
    assert "1 mm" in texts(figures[0])


def regions_of(result: Result, threshold: float) -> tuple[Any, np.ndarray]:
    return find_regions(
        np.asarray(result.measure("mutual_information")),
        threshold,
        np.asarray(result.measure("expected_error")),
        np.asarray(result.labels),
        1.0,
        (1.0, 1.0, 1.0),
    )


def test_regions_stand_beside_each_other_with_one_scale(
    tmp_path: Path, figures: list[Figure]
) -> None:
    result, scan = made(tmp_path / "r.zarr")
    regions, labels = regions_of(result, 0.45)
    path = draw_regions(
        result, scan, "mutual_information", regions[:3], labels, tmp_path / "r.png", side=12
    )
    (figure,) = figures
    assert_drawn(path, figure)
    found = texts(figure)
    for region in regions[:3]:
        volume = f"{region.expected_error_volume:.3g} µm³"
        assert f"{region.id}: z {region.position[0]}\n{volume}" in found
    assert "nat" in found
    assert sum(bool(axes.images) for axes in figure.axes) >= 9
    limits = {axes.images[0].get_clim() for axes in figure.axes[6:9]}
    assert len(limits) == 1


@pytest.mark.parametrize("count", [0, 1])
def test_few_regions_are_drawn_too(tmp_path: Path, figures: list[Figure], count: int) -> None:
    result, scan = made(tmp_path / "r.zarr")
    regions, labels = regions_of(result, 0.3)
    path = draw_regions(
        result, scan, "mutual_information", regions[:count], labels, tmp_path / "r.png"
    )
    assert picture(path).size > 0


def test_results_are_compared_on_one_scale(tmp_path: Path, figures: list[Figure]) -> None:
    result, scan = made(tmp_path / "a.zarr")
    other, _ = made(tmp_path / "b.zarr")
    path = draw_comparison(
        [("one", result), ("two", other)], scan, 1, "predictive_entropy", tmp_path / "c.png"
    )
    (figure,) = figures
    assert_drawn(path, figure)
    assert {"one", "two", "nat"} <= set(texts(figure))
    heats = [axes.images[0] for axes in figure.axes if axes.get_title() == "Predictive entropy"]
    assert len(heats) == 2
    assert heats[0].get_clim() == heats[1].get_clim()


@pytest.mark.parametrize("shape", [(1, 20, 24), (3, 1, 24), (3, 20, 1), (1, 1, 1)])
def test_flat_scans_are_drawn(
    tmp_path: Path, figures: list[Figure], shape: tuple[int, int, int]
) -> None:
    geometry = Geometry.from_spacing()
    result, scan = made(tmp_path / "r.zarr", shape=shape, geometry=geometry)
    draw_slice(result, scan, 0, tmp_path / "s.png")
    regions, labels = regions_of(result, 0.2 if shape == (1, 1, 1) else 0.45)
    draw_regions(
        result, scan, "mutual_information", regions[:1], labels, tmp_path / "r.png", side=8
    )
    draw_comparison([("one", result)], scan, 0, "mutual_information", tmp_path / "c.png")
    for name in ("s", "r", "c"):
        assert picture(tmp_path / f"{name}.png").size > 0


@pytest.mark.parametrize("value", [np.nan, np.inf, 7.0])
def test_scans_without_contrast_are_drawn(
    tmp_path: Path, figures: list[Figure], value: float
) -> None:
    result, _ = made(tmp_path / "r.zarr")
    grey = np.full(SHAPE, value, np.float32)
    draw_slice(result, Volume.from_array(grey, GEOMETRY), 2, tmp_path / "s.png")
    assert picture(tmp_path / "s.png").size > 0


def test_what_was_not_processed_stays_empty(tmp_path: Path, figures: list[Figure]) -> None:
    result, scan = made(tmp_path / "r.zarr", roi="0:2,0:20,0:24")
    draw_slice(result, scan, 3, tmp_path / "s.png")
    heat = figures[0].axes[2].images[0]
    assert np.ma.getmaskarray(heat.get_array()).all() or np.isnan(heat.get_array()).all()
    assert heat.get_clim() == (0.0, 1.0)


def test_a_picture_that_cannot_be_written_is_an_error_of_ours(
    tmp_path: Path, figures: list[Figure]
) -> None:
    result, scan = made(tmp_path / "r.zarr")
    with pytest.raises(FormatError, match=r"^s\.png: can't be written"):
        draw_slice(result, scan, 0, tmp_path / "nowhere" / "s.png")
