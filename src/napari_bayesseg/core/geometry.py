"""Voxel boxes and the place of a voxel grid in the world.

Index space is always ``(z, y, x)`` in voxels. World space has the same axis order, so that the
affine of an upright scan is diagonal; NIfTI's ``(x, y, z)`` affine is ``P @ affine @ P`` with
``P`` reversing the axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import starmap

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_bayesseg.core.errors import GeometryError, SettingsError

__all__ = ["Geometry", "Index3", "Roi", "convert_length", "normalise_unit"]

Index3 = tuple[int, int, int]

_METRES = {
    "meter": 1.0,
    "centimeter": 1e-2,
    "millimeter": 1e-3,
    "micrometer": 1e-6,
    "nanometer": 1e-9,
    "angstrom": 1e-10,
    "inch": 0.0254,
}
_UNIT_NAMES = {
    "m": "meter",
    "cm": "centimeter",
    "mm": "millimeter",
    "um": "micrometer",
    "\u00b5m": "micrometer",  # micro sign
    "\u03bcm": "micrometer",  # Greek mu
    "micron": "micrometer",
    "microns": "micrometer",
    "nm": "nanometer",
    "\u00c5": "angstrom",  # letter A with ring
    "\u212b": "angstrom",  # angstrom sign
    "in": "inch",
    "\\u00b5m": "micrometer",  # ImageJ writes the micro sign escaped
}


def normalise_unit(unit: str | None) -> str:
    """Return the full name of a length unit (``"um"`` gives ``"micrometer"``).

    An absent or unknown unit gives ``"pixel"``: a length that can't be converted to any other.
    """
    text = (unit or "").strip()
    for candidate in (text, text.lower()):
        name = _UNIT_NAMES.get(candidate, candidate)
        if name in _METRES:
            return name
        if name.endswith("metre") or name.endswith("metres"):
            return normalise_unit(name.removesuffix("s").removesuffix("re") + "er")
        if name.endswith("s") and name[:-1] in _METRES:
            return name[:-1]
    return "pixel"


def convert_length(value: float, source: str, target: str) -> float:
    """Convert a length between units as named by :func:`normalise_unit`.

    Raises
    ------
    GeometryError
        If one unit is ``"pixel"`` and the other is not.
    """
    if source == target:
        return value
    if source not in _METRES or target not in _METRES:
        raise GeometryError(f"a length in {source} can't be expressed in {target}")
    return value * _METRES[source] / _METRES[target]


@dataclass(frozen=True)
class Roi:
    """A half-open box of voxels: ``start`` inside, ``stop`` outside, both ``(z, y, x)``."""

    start: Index3
    stop: Index3

    @classmethod
    def whole(cls, shape: Index3) -> Roi:
        """Return the box of a whole volume."""
        return cls((0, 0, 0), shape)

    @classmethod
    def parse(cls, text: str, shape: Index3) -> Roi:
        """Read ``"Z0:Z1,Y0:Y1,X0:X1"`` for a volume of `shape`; an open end means the border.

        Raises
        ------
        SettingsError
            If the text is not of that form, or the box is empty or leaves the volume.
        """
        parts = text.replace(" ", "").split(",")
        if len(parts) != 3 or any(part.count(":") != 1 for part in parts):
            raise SettingsError(
                f"roi must read Z0:Z1,Y0:Y1,X0:X1 (an end may be left open); got {text!r}"
            )
        ends = [part.split(":") for part in parts]
        try:
            start = [int(low or 0) for low, _ in ends]
            stop = [int(high or size) for (_, high), size in zip(ends, shape, strict=True)]
        except ValueError:
            raise SettingsError(f"roi must hold whole numbers of voxels; got {text!r}") from None
        roi = cls((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
        if not Roi.whole(shape).contains(roi) or roi.is_empty:
            raise SettingsError(
                f"roi {text} must be a box inside the scan, whose shape is {shape} voxels"
            )
        return roi

    @property
    def shape(self) -> Index3:
        """Voxels along z, y and x."""
        z, y, x = (max(high - low, 0) for low, high in zip(self.start, self.stop, strict=True))
        return z, y, x

    @property
    def size(self) -> int:
        """Number of voxels."""
        z, y, x = self.shape
        return z * y * x

    @property
    def is_empty(self) -> bool:
        """Whether the box holds no voxel."""
        return self.size == 0

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Index expression that cuts this box out of a ``(Z, Y, X)`` array."""
        z, y, x = starmap(slice, zip(self.start, self.stop, strict=True))
        return z, y, x

    def contains(self, other: Roi) -> bool:
        """Whether `other` lies in this box entirely."""
        return all(a <= b for a, b in zip(self.start, other.start, strict=True)) and all(
            a >= b for a, b in zip(self.stop, other.stop, strict=True)
        )

    def intersection(self, other: Roi) -> Roi:
        """Return the common box; it is empty where the two don't meet."""
        start = tuple(max(a, b) for a, b in zip(self.start, other.start, strict=True))
        stop = tuple(min(a, b) for a, b in zip(self.stop, other.stop, strict=True))
        return Roi((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    def union(self, other: Roi) -> Roi:
        """Return the smallest box that holds both."""
        start = tuple(min(a, b) for a, b in zip(self.start, other.start, strict=True))
        stop = tuple(max(a, b) for a, b in zip(self.stop, other.stop, strict=True))
        return Roi((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    def grown(self, margin: Index3) -> Roi:
        """Return the box with `margin` more voxels on both sides; it may leave the volume."""
        start = tuple(a - m for a, m in zip(self.start, margin, strict=True))
        stop = tuple(b + m for b, m in zip(self.stop, margin, strict=True))
        return Roi((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    def relative_to(self, origin: Index3) -> Roi:
        """Return the same box with indices counted from `origin`."""
        start = tuple(a - b for a, b in zip(self.start, origin, strict=True))
        stop = tuple(a - b for a, b in zip(self.stop, origin, strict=True))
        return Roi((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    def __str__(self) -> str:
        return ",".join(f"{a}:{b}" for a, b in zip(self.start, self.stop, strict=True))


@dataclass(frozen=True)
class Geometry:
    """The affine from voxel index ``(z, y, x)`` to world ``(z, y, x)``, and the world's unit.

    Attributes
    ----------
    affine : 4 x 4 tuple of floats
        Homogeneous matrix; the index of a voxel's *centre* maps to a world position in `unit`.
    unit : str
        Full name (``"micrometer"``), or ``"pixel"`` when the source gives none.

    Raises
    ------
    GeometryError
        If the matrix is not 4 x 4, not finite, not affine, or singular.
    """

    affine: tuple[tuple[float, ...], ...]
    unit: str = "pixel"

    def __post_init__(self) -> None:
        matrix = np.asarray(self.affine, dtype=np.float64)
        if matrix.shape != (4, 4):
            raise GeometryError(f"the affine must be a 4 x 4 matrix; got shape {matrix.shape}")
        if not np.all(np.isfinite(matrix)):
            raise GeometryError("the affine must hold finite numbers; got NaN or infinity")
        if not np.array_equal(matrix[3], [0.0, 0.0, 0.0, 1.0]):
            raise GeometryError(f"the last row of an affine must be 0 0 0 1; got {matrix[3]}")
        lengths = np.linalg.norm(matrix[:3, :3], axis=0)
        if np.any(lengths == 0):
            raise GeometryError(f"voxel spacing must not be zero; got {lengths.tolist()}")
        # Relative to the spacings, so that nanometres written in metres are not called singular.
        if abs(np.linalg.det(matrix[:3, :3] / lengths)) < 1e-6:
            raise GeometryError("the affine is singular: two axes of the scan coincide")
        object.__setattr__(self, "affine", tuple(tuple(map(float, row)) for row in matrix))

    @classmethod
    def from_matrix(cls, matrix: ArrayLike, unit: str = "pixel") -> Geometry:
        """Build from any 4 x 4 array-like."""
        rows = np.asarray(matrix, dtype=np.float64).tolist()
        return cls(rows, unit)

    @classmethod
    def from_spacing(
        cls,
        spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
        translation: tuple[float, float, float] = (0.0, 0.0, 0.0),
        unit: str = "pixel",
    ) -> Geometry:
        """Build an upright grid from spacing and origin ``(z, y, x)``, both in `unit`."""
        matrix = np.diag([*spacing, 1.0])
        matrix[:3, 3] = translation
        return cls.from_matrix(matrix, unit)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The affine as a new ``(4, 4)`` array."""
        return np.asarray(self.affine, dtype=np.float64)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between voxel centres along z, y and x, positive, in `unit`."""
        z, y, x = np.linalg.norm(self.matrix[:3, :3], axis=0).tolist()
        return z, y, x

    @property
    def translation(self) -> tuple[float, float, float]:
        """World position of the centre of voxel (0, 0, 0), in `unit`."""
        z, y, x = self.matrix[:3, 3].tolist()
        return z, y, x

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel in cubic `unit`."""
        return float(abs(np.linalg.det(self.matrix[:3, :3])))

    @property
    def is_upright(self) -> bool:
        """Whether the axes of the grid are those of the world (no rotation, no shear)."""
        linear = self.matrix[:3, :3]
        off_diagonal = linear - np.diag(np.diag(linear))
        return bool(np.all(np.abs(off_diagonal) <= 1e-6 * np.max(np.abs(linear))))

    def cropped(self, roi: Roi) -> Geometry:
        """Return the geometry of the part of the grid inside `roi`."""
        matrix = self.matrix
        matrix[:3, 3] += matrix[:3, :3] @ np.asarray(roi.start, dtype=np.float64)
        return Geometry.from_matrix(matrix, self.unit)
