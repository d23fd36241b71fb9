from __future__ import annotations

from itertools import islice
from pathlib import Path

from napari_bayesseg.io.numbered import first_free_path, numbered_paths


def test_numbers_stand_before_the_suffix() -> None:
    paths = numbered_paths(Path("a/scan.v1_net.zarr"), suffix=".zarr", joint="_")
    names = ["scan.v1_net.zarr", "scan.v1_net_2.zarr", "scan.v1_net_3.zarr"]
    assert list(islice(paths, 3)) == [Path("a") / name for name in names]
    # Without one, a dot is a letter as any other.
    assert list(islice(numbered_paths(Path("scan.v1")), 2)) == [Path("scan.v1"), Path("scan.v1-2")]


def test_the_first_free_one_is_found(tmp_path: Path) -> None:
    place = tmp_path / "r.zarr"
    assert first_free_path(place, suffix=".zarr") == place
    place.mkdir()
    (tmp_path / "r-2.zarr").touch()
    assert first_free_path(place, suffix=".zarr") == tmp_path / "r-3.zarr"
