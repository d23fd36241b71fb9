"""Make the sample scan of an electrode, or a series of scans to train and test on.

Examples
--------
The shipped sample, beside this script::

    python sample_data/make_electrode_ct.py --out sample_data

Eight ordinary scans with their truth, ``DIR/scans`` and ``DIR/labels``::

    python sample_data/make_electrode_ct.py --series training --out DIR
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from defects import CHANNELS, DefectParameters
from numpy.typing import NDArray
from scan import Scan, ScanParameters, make_scan
from tomography import Geometry

__all__ = [
    "SERIES",
    "SHIPPED_SEED",
    "Series",
    "main",
    "scan_parameters",
    "write_ome_tiff",
    "write_series",
    "write_shipped",
]

SHIPPED_SEED = 7


@dataclass(frozen=True)
class Series:
    """A series of scans; scan n has the seed ``first_seed + n``."""

    first_seed: int
    default_count: int
    with_defects: bool

    def seeds(self, count: int | None = None) -> range:
        """Return the seeds of the first `count` scans."""
        count = self.default_count if count is None else count
        if not 1 <= count <= 1000:
            raise ValueError(
                f"count must be 1 to 1000, got {count}: series share their seeds beyond"
            )
        return range(self.first_seed, self.first_seed + count)


SERIES = {
    "training": Series(first_seed=1000, default_count=8, with_defects=False),
    "test": Series(first_seed=2000, default_count=3, with_defects=False),
    "test-defects": Series(first_seed=3000, default_count=3, with_defects=True),
}


def scan_parameters(*, with_defects: bool, geometry: Geometry | None = None) -> ScanParameters:
    """Return the parameters of an ordinary scan, or of one that holds every defect."""
    return ScanParameters(
        geometry=Geometry() if geometry is None else geometry,
        defects=DefectParameters() if with_defects else None,
    )


def write_ome_tiff(
    path: Path,
    array: NDArray[np.generic],
    voxel_size_um: float,
    channels: Sequence[str] = (),
) -> None:
    """Write a (Z, Y, X) or (C, Z, Y, X) array as a compressed OME-TIFF.

    The file appears under its name only when it is whole.
    """
    metadata: dict[str, object] = {"axes": "CZYX" if channels else "ZYX", "Name": path.name}
    # The identifier follows from the content: making a file again gives the same bytes.
    digest = hashlib.sha256(array.tobytes()).hexdigest()
    metadata["UUID"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}"
    for axis in "XYZ":
        metadata[f"PhysicalSize{axis}"] = voxel_size_um
        metadata[f"PhysicalSize{axis}Unit"] = "µm"
    if channels:
        metadata["Channel"] = {"Name": list(channels)}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        tifffile.imwrite(
            part,
            array,
            ome=True,
            photometric="minisblack",
            compression="zlib",
            compressionargs={"level": 9},
            predictor=True,
            metadata=metadata,
        )
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_shipped(folder: Path, geometry: Geometry | None = None) -> list[Path]:
    """Make the shipped sample and write its three files."""
    scan = make_scan(SHIPPED_SEED, scan_parameters(with_defects=True, geometry=geometry))
    paths = [folder / f"electrode_{name}.ome.tif" for name in ("ct", "labels", "unseen")]
    _write_scan(scan, *paths)
    return paths


def write_series(
    folder: Path, series: Series, count: int | None = None, geometry: Geometry | None = None
) -> list[Path]:
    """Make a series; scans, truth and masks of one number share their file name."""
    parameters = scan_parameters(with_defects=series.with_defects, geometry=geometry)
    written = []
    for number, seed in enumerate(series.seeds(count)):
        name = f"electrode_{number:02d}.ome.tif"
        paths = [folder / part / name for part in ("scans", "labels", "unseen")]
        _write_scan(make_scan(seed, parameters), *paths)
        written += paths if series.with_defects else paths[:2]
        sys.stderr.write(f"{paths[0]}\n")
    return written


def _write_scan(scan: Scan, image: Path, labels: Path, unseen: Path) -> None:
    write_ome_tiff(image, scan.image, scan.voxel_size_um)
    write_ome_tiff(labels, scan.labels, scan.voxel_size_um)
    if scan.unseen is not None:
        write_ome_tiff(unseen, scan.unseen, scan.voxel_size_um, CHANNELS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        description="Simulate X-ray CT scans of a porous electrode (uint16 OME-TIFF, sizes in um)."
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--series",
        choices=sorted(SERIES),
        help="make a series, not the shipped sample: scans/, labels/ and, with defects, unseen/",
    )
    parser.add_argument("--count", type=int, help="number of scans in the series")
    options = parser.parse_args(arguments)
    if options.series is None:
        if options.count is not None:
            parser.error("--count needs --series")
        write_shipped(options.out)
        return 0
    try:
        write_series(options.out, SERIES[options.series], options.count)
    except ValueError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
