from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import FormatError, SettingsError, StoreError
from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.result import Result, load_result
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.io.writers import write_volume
from napari_bayesseg.networks.checkpoint import Normalisation
from napari_bayesseg.review.files.crop_boxes import CropChoice, CropSettings
from napari_bayesseg.review.files.crops import write_crops
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Status
from napari_bayesseg.training.dataset import folder_pairs, load_cases
from napari_bayesseg.training.train import train
from tests.models import write_model
from tests.review.cases import table_of
from tests.review.steps import paint
from tests.training.cases import tiny_settings

SHAPE = (12, 40, 50)
SMALL = CropSettings(CropChoice.DECIDED, margin=1, least_shape=(8, 8, 8))


def turned() -> Geometry:
    """A grid that is rotated about z, with an origin far away."""
    matrix = np.diag([2.0, 0.5, 0.5, 1.0])
    c, s = np.cos(0.3), np.sin(0.3)
    matrix[1:3, 1:3] = 0.5 * np.array([[c, -s], [s, c]])
    matrix[:3, 3] = (100.0, -20.0, 7.0)
    return Geometry.from_matrix(matrix, "millimeter")


UPRIGHT = Geometry.from_spacing((2.0, 0.5, 0.5), (100.0, -20.0, 7.0), "micrometer")


def make_result(folder: Path, suffix: str, geometry: Geometry, roi: str | None = None) -> Result:
    rng = np.random.default_rng(3)
    grey = rng.gamma(3.0, 200.0, SHAPE).astype(np.uint16)
    grey[:, :20] += 3000
    write_volume(folder / f"scan{suffix}", grey, geometry)
    return _predict(folder / f"scan{suffix}", folder, roi=roi)


def _predict(scan: Path | Volume, folder: Path, **options: str | None) -> Result:
    model = write_model(folder / "model")
    return predict(
        scan,
        model,
        folder / "scan.zarr",
        num_samples=2,
        device="cpu",
        measures=("mutual_information",),
        **options,
    )


def regions():
    labels = np.zeros(SHAPE, np.int32)
    for name, (z, y, x) in enumerate([(1, 2, 3), (2, 4, 5), (8, 30, 44), (6, 20, 25)], start=1):
        labels[z : z + 3, y : y + 4, x : x + 5][labels[z : z + 3, y : y + 4, x : x + 5] == 0] = name
    return table_of(labels)


@pytest.fixture(params=[(".ome.tif", UPRIGHT), (".nii.gz", turned())], ids=["tiff", "nifti"])
def review(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Review]:
    """Accepted, rejected, deferred, and edited."""
    result = make_result(tmp_path, *request.param)
    table = regions()
    with Review.open(result) as opened:
        for region, status in zip(
            table.regions, (Status.ACCEPTED, Status.REJECTED, Status.DEFERRED), strict=False
        ):
            opened.decide([region], table.region_labels, status, settings=None)
        paint(opened, Roi((6, 20, 25), (8, 22, 27)), 2)
        yield opened


def test_pairs_hold_scan_and_reviewed_labels_at_their_place(review: Review, tmp_path: Path) -> None:
    scan = read_volume(review.result.spec.source)
    before = review.result.spec.source.read_bytes()
    crops = write_crops(tmp_path / "out", review, SMALL)
    settings = tiny_settings()
    pairs = folder_pairs(tmp_path / "out" / "scans", tmp_path / "out" / "labels", settings)
    manifest = json.loads((tmp_path / "out" / "crops.json").read_text())
    assert crops.count == len(pairs) == len(manifest["crops"]) == 2
    assert crops.places == 3
    labels = review.labels()
    for pair, entry in zip(pairs, manifest["crops"], strict=True):
        image, truth = pair.scan, pair.labels
        assert image.spec.source.name == truth.spec.source.name == entry["name"]
        box = Roi.parse(entry["box"], SHAPE)
        assert box.shape >= SMALL.least_shape
        np.testing.assert_array_equal(image.read(Roi.whole(image.shape)), scan.read(box))
        np.testing.assert_array_equal(truth.read(Roi.whole(truth.shape)), labels[box.slices])
        corner = scan.spec.geometry.matrix @ [*box.start, 1]
        for written in (image, truth):
            matrix = written.spec.geometry.matrix
            np.testing.assert_allclose(matrix[:, 3], corner, rtol=1e-5)
            np.testing.assert_allclose(matrix[:3, :3], scan.spec.geometry.matrix[:3, :3], atol=1e-5)
            assert written.spec.geometry.unit == scan.spec.geometry.unit
        np.testing.assert_allclose(entry["affine"], image.spec.geometry.matrix, atol=1e-4)
        assert entry["classes"] == np.unique(labels[box.slices]).tolist()
    assert manifest["class_names"] == list(review.result.class_names)
    assert manifest["journal"]["sha256_of_last_row"] == review.journal_head
    assert review.result.spec.source.read_bytes() == before
    # Training normalises each by the whole scan, as prediction does.
    seen = load_cases(pairs, settings, Normalisation())
    whole = review.result.checked_scan().read(Roi.whole(SHAPE))
    for case, entry in zip(seen, manifest["crops"], strict=True):
        expected = whole[Roi.parse(entry["box"], SHAPE).slices]
        np.testing.assert_allclose(case.image, expected, rtol=1e-6)


def test_a_model_can_be_trained_on_them(review: Review, tmp_path: Path) -> None:
    write_crops(tmp_path / "out", review, SMALL)
    settings = tiny_settings(class_names=review.result.class_names)
    card = train(
        tmp_path / "out" / "scans", tmp_path / "out" / "labels", tmp_path / "trained", settings
    )
    assert card.class_names == review.result.class_names


def test_only_what_was_corrected_on_demand(review: Review, tmp_path: Path) -> None:
    settings = CropSettings(CropChoice.CORRECTED, margin=0, least_shape=(1, 1, 1))
    write_crops(tmp_path / "out", review, settings)
    manifest = json.loads((tmp_path / "out" / "crops.json").read_text())
    table = regions()
    assert [crop["box"] for crop in manifest["crops"]] == [
        str(table.regions[1].box),
        "6:8,20:22,25:27",
    ]


def test_a_stopped_run_or_a_failing_disk_leaves_nothing(
    review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(tmp_path.iterdir())
    shares: list[float] = []
    stopped = write_crops(
        tmp_path / "out", review, SMALL, report=shares.append, should_stop=lambda: bool(shares)
    )
    assert stopped is None
    assert shares == [0.5]
    assert set(tmp_path.iterdir()) == before

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(FormatError, match=r"out: can't be written \(No space"):
        write_crops(tmp_path / "out", review, SMALL)
    assert set(tmp_path.iterdir()) == before


def test_a_folder_that_holds_something_is_left_alone(review: Review, tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.mkdir()
    assert write_crops(place, review, SMALL).count == 2  # an empty one will do
    before = sorted(place.rglob("*"))
    with pytest.raises(FormatError, match="new or empty folder"):
        write_crops(place, review, SMALL)
    assert sorted(place.rglob("*")) == before
    with pytest.raises(FormatError, match="never written to"):
        write_crops(review.result.path / "out", review, SMALL)
    with pytest.raises(FormatError, match="does not exist"):
        write_crops(tmp_path / "a" / "b", review, SMALL)


def test_nothing_decided_and_a_changed_scan_are_told(tmp_path: Path) -> None:
    result = make_result(tmp_path, ".ome.tif", UPRIGHT, roi="0:12,0:40,0:16")
    table = regions()
    with Review.open(result) as review:
        with pytest.raises(SettingsError, match="no place to cut out"):
            write_crops(tmp_path / "out", review, SMALL)
        review.decide(table.regions[:1], table.region_labels, Status.ACCEPTED, settings=None)
        large = CropSettings(CropChoice.DECIDED, margin=99)
        write_crops(tmp_path / "out", review, large)
        manifest = json.loads((tmp_path / "out" / "crops.json").read_text())
        assert [crop["box"] for crop in manifest["crops"]] == ["0:12,0:40,0:16"]
        write_volume(tmp_path / "scan.ome.tif", np.ones(SHAPE, np.uint16), UPRIGHT)
        fresh = load_result(result.path)
    with (
        Review.open(fresh, read_only=True) as review,
        pytest.warns(UserWarning, match="all voxels have the value"),
        pytest.raises(StoreError, match="has changed"),
    ):
        write_crops(tmp_path / "other", review, SMALL)


def test_an_array_in_memory_is_cropped_too(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).gamma(3.0, 200.0, SHAPE).astype(np.uint16)
    scan = Volume.from_array(grey, UPRIGHT, name="made")
    result = _predict(scan, tmp_path)
    table = regions()
    with Review.open(load_result(result.path, scan=scan)) as review:
        review.decide(table.regions[:1], table.region_labels, Status.ACCEPTED, settings=None)
        write_crops(tmp_path / "out", review, SMALL)
    (path,) = (tmp_path / "out" / "scans").iterdir()
    assert path.name == "made-crop-0001.ome.tif"
