from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError, StoreError
from napari_bayesseg.inference.result import Result
from napari_bayesseg.numerics.overlap import dice_per_class
from napari_bayesseg.session import comparison
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.comparison import Comparison, compare_results
from tests.results import write_result
from tests.session.places import MEASURE, write_places


def write_other(path: Path, like: Result, classes: int = 3) -> Result:
    """Write the same result, but for a box of another class and twice the measure."""
    probability = np.array(like.mean_probability)[:classes]
    probability[:, 2:5, 3:9, 3:9] = 0.0
    probability[2, 2:5, 3:9, 3:9] = 1.0
    information = 2 * np.array(like.measure(MEASURE))
    return write_result(path, probability, {MEASURE: information})


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Result, Result]:
    first = write_places(tmp_path / "a.zarr")
    return first, write_other(tmp_path / "b.zarr", first)


@pytest.fixture
def background() -> Iterator[ThreadBackground]:
    background = ThreadBackground()
    yield background
    background.close(30)


@pytest.mark.parametrize("slab_bytes", [1, 2**26])
def test_numbers_are_those_of_the_whole_arrays(
    pair: tuple[Result, Result], monkeypatch: pytest.MonkeyPatch, slab_bytes: int
) -> None:
    monkeypatch.setattr(comparison, "_SLAB_BYTES", slab_bytes)
    first, second = pair
    compared = compare_results(first, second, f"{MEASURE}_excess")
    assert compared is not None
    labels = [np.asarray(result.labels[...]) for result in pair]
    assert compared.difference.differing == np.count_nonzero(labels[0] != labels[1]) == 3 * 6 * 6
    np.testing.assert_allclose(compared.difference.dice, dice_per_class(*labels, 3))
    assert compared.measure == MEASURE
    mean = float(np.asarray(first.measure(MEASURE)).mean())
    assert compared.means == pytest.approx((mean, 2 * mean), rel=1e-5)
    (place,) = compared.difference.places
    assert str(place.box) == "2:5,3:9,3:9"
    assert place.classes == (0, 2)
    volume = 108 * first.geometry.voxel_volume
    assert compared.volume(108) == volume
    what, dice, measure = compared.lines
    assert what.startswith("108 voxels")
    assert "in 1 place" in what
    assert dice.startswith("Dice: ")
    assert measure.startswith("mean mutual information: ")


def test_what_can_not_be_compared_is_refused_in_one_line(
    pair: tuple[Result, Result], tmp_path: Path
) -> None:
    first, _ = pair
    with pytest.raises(SettingsError, match="is the result under review"):
        compare_results(first, first, MEASURE)
    smaller = write_places(tmp_path / "c.zarr", (1, 3, 3))
    with pytest.raises(SettingsError, match="must have the shape"):
        compare_results(first, smaller, MEASURE)


def test_a_comparison_runs_in_the_background_and_tells(
    pair: tuple[Result, Result], background: ThreadBackground, tmp_path: Path
) -> None:
    first, second = pair
    work = Comparison(first, background)
    told: list[object] = []
    work.changed.connect(told.append)
    work.failed.connect(told.append)
    work.open(second.path, MEASURE)
    assert work.is_busy
    background.drain(60)
    assert told == [work.compared]
    assert not work.is_busy
    work.open(tmp_path / "nothing.zarr", MEASURE)
    background.drain(60)
    assert len(told) == 2
    assert "nothing.zarr" in str(told[1])
    assert work.compared is told[0]
    work.clear()
    assert told[2] is None
    work.open(second.path, MEASURE)
    work.close()
    background.drain(60)
    assert len(told) == 3


def test_a_lost_piece_is_no_background(pair: tuple[Result, Result]) -> None:
    first, second = pair
    chunk = next(path for path in sorted((second.path / "labels").rglob("c/*/*/*")))
    chunk.unlink()
    with pytest.raises(StoreError, match="is missing"):
        compare_results(first, second, MEASURE)
