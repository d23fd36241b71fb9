from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import napari
import numpy as np
import pytest
from napari.layers import Image, Layer
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication

from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.gui.result_layers import ResultLayers
from napari_bayesseg.inference.predict import RunHooks, predict
from napari_bayesseg.inference.result import Result
from napari_bayesseg.inference.serial_runner import Cancelled
from napari_bayesseg.io.pyramid import build_pyramid
from napari_bayesseg.io.result_store import ResultStore
from tests.gui.predict_window import NUM_BLOCKS, SHAPE, noise
from tests.results import write_result

pytestmark = pytest.mark.viewer

TURN = np.deg2rad(30.0)
ROTATION = np.array([[1, 0, 0], [0, np.cos(TURN), -np.sin(TURN)], [0, np.sin(TURN), np.cos(TURN)]])
MEASURES = ("mutual_information", "predictive_entropy")


def rotated() -> Geometry:
    matrix = np.eye(4)
    matrix[:3, :3] = ROTATION @ np.diag((2.0, 0.5, 0.25))
    matrix[:3, 3] = (100.0, -20.0, 3.0)
    return Geometry.from_matrix(matrix, "micrometer")


class Growing:
    """A result that is made one block at a time, as far as it is asked for."""

    def __init__(self, out: Path, model: Path, **settings: object) -> None:
        self.out, self.model = out, model
        self.settings = {"num_samples": 2, "block_shape": (8, 16, 16), "measures": MEASURES}
        self.settings |= settings
        self.volume = Volume.from_array(noise(), rotated(), name="scan")

    def grow(self, blocks: int) -> Result:
        done = []

        def stop() -> bool:
            return len(done) >= blocks

        hooks = RunHooks(
            progress=lambda now: done.append(now) if now.block else None, should_stop=stop
        )
        with suppress(Cancelled):
            predict(self.volume, self.model, self.out, hooks=hooks, **self.settings)
        return Result(ResultStore.open(self.out), self.volume)


@pytest.fixture
def growing(tmp_path: Path, small_model: Path) -> Growing:
    return Growing(tmp_path / "r.zarr", small_model)


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., napari.Viewer]) -> napari.Viewer:
    return make_napari_viewer()


@pytest.fixture
def layers(viewer: napari.Viewer, qtbot: QtBot) -> Iterator[ResultLayers]:
    layers = ResultLayers(viewer)
    yield layers
    layers.stop()


def show(layers: ResultLayers, result: Result, scan_layer: Layer | None = None) -> None:
    """Show a result and wait for the maps that come later."""
    layers.show(result, scan_layer)
    while layers.is_adding:
        QApplication.processEvents()


def drawn(layer: Layer) -> np.ndarray:
    """What napari has read of the current slice."""
    return np.asarray(layer._data_view)


def test_everything_lies_on_the_scan_voxel_for_voxel(
    growing: Growing, layers: ResultLayers, viewer: napari.Viewer
) -> None:
    result = growing.grow(1)
    show(layers, result)
    geometry = rotated()
    assert len(viewer.layers) == 4
    for layer in viewer.layers:
        for index in [(0, 0, 0), (15, 31, 31), (3, 0, 30)]:
            expected = (geometry.matrix @ [*index, 1])[:3]
            np.testing.assert_allclose(layer.data_to_world(index), expected, atol=1e-9)
        assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
        assert layer.axis_labels == ("z", "y", "x")
        assert tuple(layer.data.shape) == SHAPE


def test_the_first_map_is_shown_with_its_unit_and_a_colour_bar(
    growing: Growing, layers: ResultLayers, viewer: napari.Viewer
) -> None:
    show(layers, growing.grow(1))
    names = [(layer.name, layer.visible) for layer in viewer.layers]
    assert names == [
        ("scan: labels", True),
        ("predictive entropy (nat)", False),
        ("mutual information (nat)", True),
        ("scan: not processed yet", True),
    ]
    shown = layers.heat_map("mutual_information")
    assert shown is not None
    assert shown.colorbar.visible
    assert set(layers.measures) == {"predictive_entropy", "mutual_information"}
    assert shown.contrast_limits_range == pytest.approx([0.0, np.log(3)])


def test_labels_are_read_only_and_know_their_classes(
    growing: Growing, layers: ResultLayers, viewer: napari.Viewer
) -> None:
    show(layers, growing.grow(NUM_BLOCKS))
    labels = layers.labels
    assert labels is not None
    assert not labels.editable
    viewer.dims.ndisplay = 3
    viewer.dims.ndisplay = 2
    assert not labels.editable
    values = np.asarray(labels.data)
    for label in np.unique(values):
        world = labels.data_to_world(np.argwhere(values == label)[0])
        viewer.dims.set_point(0, world[0])
        status = labels.get_status(world, world=True)
        assert f"class: class {label}" in str(status)
        alpha = labels.colormap.map(int(label))[-1]
        assert alpha == (0.0 if label == 0 else 1.0)


def test_nothing_is_read_whole(growing: Growing, layers: ResultLayers) -> None:
    result = growing.grow(NUM_BLOCKS)
    read = []
    getitem = type(result.labels).__getitem__

    def spy(array: object, key: object) -> object:
        piece = getitem(array, key)
        read.append(np.size(piece))
        return piece

    with patch.object(type(result.labels), "__getitem__", spy):
        show(layers, result)
        layers.show_measure("predictive_entropy")
    # A slice, or the values of a block for the contrast.
    assert 0 < max(read) <= 8 * 16 * 16


def test_the_shade_covers_what_is_missing_and_goes_when_nothing_is(
    growing: Growing, layers: ResultLayers, viewer: napari.Viewer, qtbot: QtBot
) -> None:
    result = growing.grow(3)
    show(layers, result)
    shade = layers.shade
    assert shade is not None
    np.testing.assert_array_equal(np.asarray(shade.data), ~result.processed)
    growing.grow(2)
    layers.refresh()
    qtbot.waitUntil(lambda: np.array_equal(np.asarray(shade.data), ~result.processed))
    growing.grow(NUM_BLOCKS)
    layers.refresh()
    qtbot.waitUntil(lambda: layers.shade is None)
    assert shade not in viewer.layers


def test_blocks_appear_as_they_land(
    growing: Growing, layers: ResultLayers, viewer: napari.Viewer, qtbot: QtBot
) -> None:
    result = growing.grow(1)
    show(layers, result)
    heat = layers.heat_map("mutual_information")
    assert heat is not None
    viewer.dims.set_point(0, heat.data_to_world((0, 0, 0))[0])
    assert np.isnan(drawn(heat)[20:, 20:]).all()
    assert np.isfinite(drawn(heat)[:16, :16]).all()
    growing.grow(NUM_BLOCKS)
    for block in result.plan.blocks():
        layers.refresh(block.core)
    qtbot.waitUntil(lambda: bool(np.isfinite(drawn(heat)).all()))
    np.testing.assert_array_equal(drawn(heat), result.measure("mutual_information")[0])


def test_many_blocks_at_once_are_drawn_together(
    growing: Growing, layers: ResultLayers, qtbot: QtBot
) -> None:
    result = growing.grow(NUM_BLOCKS)
    show(layers, result)
    hidden, shown = map(layers.heat_map, ("predictive_entropy", "mutual_information"))
    counts = {"hidden": 0, "shown": 0}

    def count(name: str, layer: Image) -> Callable[..., None]:
        refresh = layer.refresh

        def counted(*args: object, **kwargs: object) -> None:
            counts[name] += 1
            refresh(*args, **kwargs)

        return counted

    assert hidden is not None
    assert shown is not None
    hidden.refresh, shown.refresh = count("hidden", hidden), count("shown", shown)
    for _ in range(50):
        layers.refresh(result.plan.block(0).core)
    qtbot.wait(600)
    assert counts == {"hidden": 0, "shown": 1}


def test_contrast_follows_the_values_until_somebody_sets_it(
    growing: Growing, layers: ResultLayers, qtbot: QtBot
) -> None:
    result = growing.grow(2)
    show(layers, result)
    heat = layers.heat_map("mutual_information")
    assert heat is not None
    values = np.asarray(result.measure("mutual_information"))
    assert heat.contrast_limits[0] == 0.0
    assert np.nanpercentile(values, 90) < heat.contrast_limits[1] <= np.nanmax(values)
    heat.contrast_limits = (0.1, 0.2)
    growing.grow(NUM_BLOCKS)
    layers.refresh(result.plan.block(5).core)
    qtbot.wait(400)
    assert heat.contrast_limits == [0.1, 0.2]


def test_the_active_layer_stays(
    growing: Growing, layers: ResultLayers, viewer: napari.Viewer
) -> None:
    scan = viewer.add_image(noise(), name="scan")
    viewer.add_points(np.zeros((1, 3)))
    show(layers, growing.grow(1), scan)
    assert viewer.layers.selection.active is scan


def test_the_same_result_again_keeps_its_layers(
    growing: Growing, layers: ResultLayers, viewer: napari.Viewer
) -> None:
    show(layers, growing.grow(1))
    before = list(viewer.layers)
    show(layers, growing.grow(1))
    assert list(viewer.layers) == before


def test_another_result_takes_the_place_of_the_first(
    growing: Growing, layers: ResultLayers, viewer: napari.Viewer, small_model: Path, tmp_path: Path
) -> None:
    other = viewer.add_image(noise(), name="mine")
    show(layers, growing.grow(1))
    second = Growing(tmp_path / "s.zarr", small_model, num_samples=3, measures=("expected_error",))
    show(layers, second.grow(1))
    assert layers.measures == ("expected_error",)
    assert other in viewer.layers
    assert len(viewer.layers) == 4
    layers.clear()
    assert list(viewer.layers) == [other]
    assert layers.result is None


def test_any_layer_may_be_deleted(
    growing: Growing, layers: ResultLayers, viewer: napari.Viewer, qtbot: QtBot
) -> None:
    show(layers, growing.grow(2))
    told: list[str] = []
    layers.removed.connect(told.append)
    for layer in list(viewer.layers):
        viewer.layers.remove(layer)
    assert len(told) == 4
    assert (layers.labels, layers.shade, layers.heat_map("mutual_information")) == (None,) * 3
    growing.grow(NUM_BLOCKS)
    layers.refresh()
    qtbot.wait(400)
    assert len(viewer.layers) == 0
    show(layers, growing.grow(0))
    assert len(viewer.layers) == 3


def test_a_measure_that_was_computed_later_gets_a_map_of_its_own(
    growing: Growing, layers: ResultLayers, viewer: napari.Viewer
) -> None:
    result = growing.grow(NUM_BLOCKS)
    with pytest.raises(RuntimeError, match="show a result"):
        layers.add_measure("mutual_information_excess", np.zeros(SHAPE, np.float32))
    show(layers, result)
    values = np.asarray(result.measure("mutual_information_excess"))
    layer = layers.add_measure("mutual_information_excess", values)
    assert layer.name == "mutual information excess (nat)"
    assert not layer.visible
    layers.show_measure("mutual_information_excess")
    assert [layers.heat_map(name).visible for name in layers.measures] == [False, False, True]
    assert layers.add_measure("mutual_information_excess", values * 2) is layer
    assert len(viewer.layers) == 4


def test_a_result_over_a_part_keeps_the_shade_around_it(
    tmp_path: Path, small_model: Path, layers: ResultLayers, qtbot: QtBot
) -> None:
    part = Growing(tmp_path / "r.zarr", small_model, roi="0:16,0:16,0:20")
    show(layers, part.grow(NUM_BLOCKS))
    layers.refresh()
    qtbot.waitUntil(lambda: layers.shade is not None and "yet" not in layers.shade.name)
    assert np.asarray(layers.shade.data)[0, 0].tolist() == [0] * 20 + [1] * 12


def test_it_works_with_the_proxy_that_widgets_get(
    viewer: napari.Viewer, growing: Growing, recwarn: pytest.WarningsRecorder
) -> None:
    from napari.utils._proxies import PublicOnlyProxy

    scan = viewer.add_image(noise(), name="scan")
    proxy = PublicOnlyProxy(viewer)
    layers = ResultLayers(proxy)
    show(layers, growing.grow(1), proxy.layers["scan"])
    assert viewer.layers.selection.active is scan
    viewer.layers.remove(layers.labels)
    assert layers.labels is None
    layers.clear()
    layers.disconnect_viewer()
    assert list(viewer.layers) == [scan]
    assert not recwarn.list


def test_a_flat_result_is_shown_on_its_flat_scan(
    tmp_path: Path, layers: ResultLayers, viewer: napari.Viewer
) -> None:
    flat = viewer.add_image(np.zeros((8, 9)), scale=(0.5, 0.5), units=("um",) * 2)
    probability = np.random.default_rng(0).dirichlet((1, 1), (1, 8, 9)).transpose(3, 0, 1, 2)
    geometry = Geometry.from_spacing((0.5, 0.5, 0.5), unit="micrometer")
    values = {"expected_error": 1 - probability.max(0)}
    show(layers, write_result(tmp_path / "r.zarr", probability, values, geometry=geometry), flat)
    assert viewer.dims.ndim == 3
    heat = layers.heat_map("expected_error")
    assert heat is not None
    np.testing.assert_allclose(heat.data_to_world((0, 3, 4))[1:], flat.data_to_world((3, 4)))
    np.testing.assert_allclose(drawn(heat), values["expected_error"][0], rtol=1e-6)


def with_levels(path: Path) -> Result:
    rng = np.random.default_rng(0)
    probability = rng.dirichlet(np.ones(2), (3, 70, 300)).transpose(3, 0, 1, 2)
    values = rng.random((3, 70, 300)) * np.linspace(0, 0.6, 300)
    measures = {name: values * part for name, part in zip(MEASURES, (1.0, 0.5), strict=True)}
    write_result(path, probability, measures)
    build_pyramid(ResultStore.open(path, mode="r+"))
    return Result(ResultStore.open(path))


def test_maps_of_a_large_result_are_read_from_its_coarser_levels(
    tmp_path: Path, layers: ResultLayers, viewer: napari.Viewer
) -> None:
    result = with_levels(tmp_path / "r.zarr")
    show(layers, result)
    stored = result.levels("mutual_information")
    heat = layers.heat_map("mutual_information")
    assert heat is not None
    assert heat.multiscale
    assert [level.shape for level in heat.data] == [level.shape for level in stored]
    assert layers.labels is not None
    assert not layers.labels.multiscale
    for number, level in enumerate(stored):
        np.testing.assert_array_equal(np.asarray(heat.data[number]), level)
    for index in [(0, 0, 0), (2, 69, 299)]:
        np.testing.assert_allclose(
            heat.data_to_world(index), layers.labels.data_to_world(index), atol=1e-9
        )
    values = np.asarray(stored[0])
    assert np.percentile(values, 95) < heat.contrast_limits[1] <= values.max()
    viewer.dims.ndisplay = 3
    np.testing.assert_array_equal(drawn(heat), stored[-1])
    viewer.dims.ndisplay = 2
    layers.refresh()
    changed = layers.add_measure("mutual_information", values + 1)
    assert changed is heat
    np.testing.assert_array_equal(np.asarray(heat.data[0]), values + 1)
    layers.clear()
    assert len(viewer.layers) == 0
