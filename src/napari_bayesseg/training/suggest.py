"""Network, patch and held-out scans that fit the scans, where nobody has chosen them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.core.settings import validation_message
from napari_bayesseg.networks.methods import Method
from napari_bayesseg.training.pairs import TrainingPair
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["suggest_for", "suggest_settings"]

_CHANNELS = (8, 16, 32)
_PATCH_VOXELS = 2**17
_FLAT_PATCH_VOXELS = 2**16
_LARGEST_BATCH = 8
_COARSE = 3.0
_HELD_OUT_SHARE = 0.2


def suggest_settings(
    shapes: Sequence[Index3],
    spacings: Sequence[tuple[float, float, float]],
    method: Method,
    *,
    labelled_share: float = 1.0,
    **chosen: object,
) -> TrainingSettings:
    """Return settings that suit scans of these shapes and spacings.

    An axis along which a scan is one voxel deep is neither pooled nor convolved. Where one axis
    has voxels three times as long as another, as in most clinical scans, it is not pooled, so that
    the voxels of the coarser levels become more alike; where they are still longer than the
    coarsest level's, it is not convolved either. The patch covers about the same length along each
    axis, never more than the scans, and a fixed number of voxels; smaller ones come in larger
    batches. One scan in five is held out, none where there is only one.

    Parameters
    ----------
    shapes : sequence of (z, y, x)
        Of the labelled scans, in voxels; one at least.
    spacings : sequence of (z, y, x)
        Of the same scans, all in one unit.
    method : str
    labelled_share : float
        How many of their voxels are labelled, above 0; with scribbles few are, and below a half
        all patches are taken around labelled ones.
    **chosen
        Settings that somebody has chosen; those suggested beside them fit them.

    Raises
    ------
    SettingsError
        If the chosen settings are unknown, out of range, or contradict each other.

    References
    ----------
    Isensee et al., "nnU-Net", Nature Methods 2021, supplementary note 2: the threshold of 3 for
    anisotropic voxels, and patches as large as the median scan allows.
    """
    if not shapes or len(shapes) != len(spacings):
        raise SettingsError(
            "settings are suggested for one scan or more, each with its spacing; got "
            f"{len(shapes)} shapes and {len(spacings)} spacings"
        )
    shape = np.median(np.array(shapes), axis=0)
    lengths = np.median(np.array(spacings, dtype=np.float64), axis=0)
    values: dict[str, object] = {
        "method": method,
        "num_validation": _num_held_out(len(shapes)),
        **({"foreground_share": 1.0} if labelled_share < 0.5 else {}),
        **chosen,
    }
    values.setdefault("channels", _channels(shape))
    levels = values["channels"]
    num_levels = len(levels) if isinstance(levels, tuple | list) else len(_CHANNELS)
    pooling, kernel_size = _network(shape, lengths, num_levels)
    values.setdefault("pooling", pooling)
    values.setdefault("kernel_size", kernel_size)
    if "patch_shape" not in values:
        values["patch_shape"] = _patch(shape, lengths, _stride(values["pooling"], num_levels))
    if "batch_size" not in values and _is_triple(values["patch_shape"]):
        patch = np.array(values["patch_shape"], dtype=np.int64)
        budget = _FLAT_PATCH_VOXELS if patch.min() == 1 else _PATCH_VOXELS
        values["batch_size"] = int(np.clip(2 * budget // patch.prod(), 2, _LARGEST_BATCH))
    try:
        return TrainingSettings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(validation_message(error)) from None


def suggest_for(pairs: Sequence[TrainingPair], settings: TrainingSettings) -> TrainingSettings:
    """Return settings that suit opened scans; what was set in `settings` stays as it is.

    Parameters
    ----------
    pairs : sequence of TrainingPair
        Those with labels count; nothing is read of them but shape and spacing.
    settings : TrainingSettings
        A default that was not set by name may be replaced.

    Raises
    ------
    SettingsError
        If what was set contradicts what the scans need, or no scan has labels.
    """
    specs = [pair.scan.spec for pair in pairs if pair.labels is not None]
    chosen = settings.model_dump(include=settings.model_fields_set - {"method"})
    spacings = [spec.geometry.spacing for spec in specs]
    return suggest_settings([spec.shape for spec in specs], spacings, settings.method, **chosen)


def _num_held_out(num_scans: int) -> int:
    return 0 if num_scans == 1 else max(1, round(_HELD_OUT_SHARE * num_scans))


def _channels(shape: NDArray[Any]) -> tuple[int, ...]:
    """Return fewer levels for scans that the coarsest one would shrink to nothing."""
    num_levels = len(_CHANNELS)
    while num_levels > 2 and max(shape) < 4 * 2 ** (num_levels - 1):
        num_levels -= 1
    return _CHANNELS[:num_levels]


def _network(shape: NDArray[Any], spacing: NDArray[Any], num_levels: int) -> tuple[Index3, Index3]:
    """Return the pooling and the kernel, each along z, y and x."""
    deep = shape > 1
    finest = spacing[deep].min() if deep.any() else spacing.min()
    coarseness = spacing / finest
    # An axis must hold two voxels of the coarsest level, or pooling it brings nothing but padding.
    is_pooled = deep & (coarseness < _COARSE) & (shape >= 2 * 2 ** (num_levels - 1))
    if not is_pooled.any():
        is_pooled = deep & (shape == shape.max())
    is_convolved = deep & (coarseness <= 2 ** (num_levels - 1))
    return _triple(1 + is_pooled), _triple(1 + 2 * is_convolved)


def _patch(shape: NDArray[Any], spacing: NDArray[Any], stride: Index3) -> Index3:
    """Return the largest patch within the budget that is about as long along each axis."""
    step = np.array(stride)
    patch = np.ceil(shape / step).astype(int) * step
    budget = _FLAT_PATCH_VOXELS if patch.min() == 1 else _PATCH_VOXELS
    while patch.prod() > budget and np.any(patch > step):
        extents = np.where(patch > step, patch * spacing, 0.0)
        longest = extents.argmax()
        # By an eighth at least: scans may be thousands of voxels long.
        shorter = int(patch[longest] * 7 // 8 // step[longest]) * step[longest]
        patch[longest] = max(step[longest], min(patch[longest] - step[longest], shorter))
    return _triple(patch)


def _stride(pooling: object, num_levels: int) -> Index3:
    if not _is_triple(pooling):
        return 1, 1, 1  # refused with everything else
    z, y, x = (int(factor) ** (num_levels - 1) for factor in pooling)
    return z, y, x


def _is_triple(value: object) -> TypeGuard[Index3]:
    """Whether a chosen setting, not yet validated, is three whole numbers."""
    return (
        isinstance(value, tuple | list)
        and len(value) == 3
        and all(isinstance(number, int) and number > 0 for number in value)
    )


def _triple(values: NDArray[Any]) -> Index3:
    z, y, x = (int(value) for value in values)
    return z, y, x
