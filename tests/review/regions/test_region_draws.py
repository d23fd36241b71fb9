"""What draws say about a region, against whole draws and plain NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import BayesSegError, SettingsError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.result import Result
from napari_bayesseg.review.regions import region_draws
from napari_bayesseg.review.regions.region_draws import RegionDraws, make_region_draws, read_region
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.regions.region_source import RegionSource
from napari_bayesseg.review.regions.region_table import RegionTable
from tests.models import write_model
from tests.session.members import GEOMETRY, import_members, made_members

DRAWS = 4


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("draws")
    voxels = np.random.default_rng(7).gamma(3.0, 200.0, (12, 40, 36)).astype(np.uint16)
    scan = Volume.from_array(voxels, GEOMETRY, name="made")
    model = write_model(folder / "model")
    return predict(scan, model, folder / "r.zarr", num_samples=DRAWS, block_shape=(12, 16, 16))


@pytest.fixture(scope="module")
def table(result: Result) -> RegionTable:
    source = RegionSource.read(result, "mutual_information")
    lower = source.percentile(90)
    settings = RegionSettings("mutual_information", lower, lower, None, 6.0)
    return source.find(settings)


def complete(result: Result, table: RegionTable, number: int = 0) -> RegionDraws:
    *_, last = make_region_draws(result, read_region(result, table, table.regions[number]))
    return last


def test_labels_and_volumes_are_those_of_whole_draws(result: Result, table: RegionTable) -> None:
    whole = [result.draw(t).argmax(axis=0) for t in range(DRAWS)]
    for number in (0, 1, len(table.regions) // 2):
        draws = complete(result, table, number)
        region = table.regions[number]
        mask = np.asarray(table.region_labels[...]) == region.id
        assert draws.is_complete
        for t, draw in enumerate(draws.draws):
            assert draw.index == t
            np.testing.assert_array_equal(draw.labels, whole[t][draws.box.slices])
            volumes = [np.sum(whole[t][mask] == c) * GEOMETRY.voxel_volume for c in range(3)]
            np.testing.assert_allclose(draws.volumes[t], volumes)
        assert draws.volumes.sum(axis=1) == pytest.approx([region.volume] * DRAWS)
        for c in range(3):
            values = [np.sum(labels[mask] == c) * GEOMETRY.voxel_volume for labels in whole]
            expected = np.percentile(values, [5, 50, 95])
            assert draws.interval(c) == pytest.approx(tuple(expected))


def test_classes_of_a_region(result: Result, table: RegionTable) -> None:
    draws = complete(result, table)
    region, slices = draws.region, draws.box.slices
    probability = np.asarray(result.mean_probability)[(slice(None), *slices)]
    np.testing.assert_array_equal(draws.predicted, probability.argmax(axis=0))
    np.testing.assert_array_equal(draws.runner_up, probability.argsort(axis=0)[-2])
    assert draws.predicted_volumes.sum() == pytest.approx(region.volume)
    assert draws.classes[: len(region.classes)] == region.classes
    seen = {int(c) for draw in draws.draws for c in np.unique(draw.labels[draws.inside])}
    assert set(draws.classes) == {*region.classes, *seen}
    assert Roi.whole(result.spec.shape).contains(draws.box)
    assert draws.inside.sum() == region.voxel_count


def test_draws_come_one_by_one_and_go_on_where_they_were_left(
    result: Result, table: RegionTable
) -> None:
    start = read_region(result, table, table.regions[0])
    assert start.draws == ()
    assert np.isnan(start.interval(0)).all()
    making = make_region_draws(result, start)
    next(making)
    second = next(making)
    assert [draw.index for draw in second.draws] == [0, 1]
    *_, last = make_region_draws(result, second)
    assert last.draws[:2] == second.draws
    np.testing.assert_array_equal(last.volumes, complete(result, table).volumes)
    assert list(make_region_draws(result, last)) == []
    assert last.num_bytes == start.num_bytes + DRAWS * start.predicted.nbytes


def test_members_that_were_imported_are_the_draws(tmp_path: Path) -> None:
    members = made_members()
    members[:, :, 0, 0, :4] = np.nan
    with pytest.warns(match="20 voxels"):
        result = import_members(tmp_path, members)
    table = RegionSource.read(result, "mutual_information").find(
        RegionSettings("mutual_information", 0.05, 0.1)
    )
    number = next(n for n, r in enumerate(table.regions) if r.box.start == (2, 2, 2))
    draws = complete(result, table, number)
    known = np.isfinite(members).all(axis=(0, 1))[draws.box.slices]
    assert not known.all()
    for t, draw in enumerate(draws.draws):
        expected = members[t].argmax(axis=0)[draws.box.slices]
        np.testing.assert_array_equal(draw.labels, np.where(known, expected, 0))
    (tmp_path / "members.npy").unlink()
    reopened = Result(result._store)
    with pytest.raises(BayesSegError, match=r"members\.npy"):
        make_region_draws(reopened, read_region(reopened, table, table.regions[0]))


def test_a_region_that_is_too_large_is_refused(
    result: Result, table: RegionTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(region_draws, "_LIMIT_BYTES", 1000)
    with pytest.raises(SettingsError, match="smaller extent"):
        read_region(result, table, table.regions[0])
