"""Softmax arrays made elsewhere become the same kind of result as a prediction."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_bayesseg.core.errors import BayesSegWarning, GeometryError, SettingsError
from napari_bayesseg.core.geometry import Geometry, Index3, Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.volume import Volume, VolumeSpec
from napari_bayesseg.inference.result import Result
from napari_bayesseg.inference.run import Job, RunHooks, check_out, plan_run, run_job
from napari_bayesseg.io.probabilities import ProbabilityStack, read_probabilities
from napari_bayesseg.io.provenance import scan_record
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.numerics.uncertainty import MEASURES, get_measure
from napari_bayesseg.posteriors.probabilities import ProbabilityPosterior

__all__ = ["import_probabilities"]

_SLAB_PLANES = 8


def import_probabilities(
    files: Sequence[str | Path],
    out: str | Path,
    *,
    scan: Volume | str | Path | None = None,
    class_names: Sequence[str] = (),
    measures: Sequence[str] = (),
    memory: str | int = "4GB",
    overwrite: bool = False,
    hooks: RunHooks | None = None,
) -> Result:
    """Make a result store from softmax arrays.

    Parameters
    ----------
    files : sequence of path
        One ``(C, Z, Y, X)`` or ``(T, C, Z, Y, X)`` array, or one file a member.
    out : path
        Result store to write.
    scan : Volume or path, optional
        The scan that was segmented: gives the geometry; shapes must agree.
    class_names : sequence of str, optional
        Default ``class 0``, ``class 1``, ...
    measures : sequence of str, optional
        Default: all that the number of members allows.

    Raises
    ------
    FormatError
        If an array can't be read, or is no softmax output.
    GeometryError
        If scan and arrays have different shapes.
    SettingsError
        If a measure needs several members and there is one.
    """
    paths = [Path(file) for file in files]
    if not paths:
        raise SettingsError("name at least one file with softmax probabilities")
    stack = read_probabilities(paths)
    spec = _spec(stack, paths[0], scan)
    names = tuple(class_names) or tuple(f"class {index}" for index in range(stack.num_classes))
    if len(names) != stack.num_classes:
        raise SettingsError(f"class_names must name {stack.num_classes} classes; got {len(names)}")
    settings = InferenceSettings.checked(
        num_samples=stack.num_members,
        measures=_possible(measures, stack.num_members),
        memory=memory,
        device="cpu",
    )
    posterior = ProbabilityPosterior(stack)
    place = Path(out)
    check_out(place, (*paths, spec.source))
    plan = plan_run(posterior, spec.shape, settings, place, overwrite=overwrite)
    sha256 = _checked_hash(posterior)
    identity = {"kind": "probabilities", "num_members": stack.num_members, "sha256": sha256}
    job = Job(
        posterior,
        None,
        spec.shape,
        spec.geometry,
        scan_record(spec, sha256),
        {**identity, "paths": [str(path.resolve()) for path in paths]},
        identity,
        names,
    )
    store = run_job(
        job, plan, settings, place, device="cpu", overwrite=overwrite, hooks=hooks or RunHooks()
    )
    return Result(store, None, job.posterior)


def _spec(stack: ProbabilityStack, first: Path, scan: Volume | str | Path | None) -> VolumeSpec:
    if scan is None:
        geometry = stack.geometry or Geometry.from_spacing()
        return VolumeSpec(stack.shape, "float32", geometry, first.name.split(".")[0])
    spec = scan.spec if isinstance(scan, Volume) else read_volume(scan).spec
    if spec.shape != stack.shape:
        raise GeometryError(
            f"{first.name}: probabilities of {stack.shape} voxels don't fit the scan of "
            f"{spec.shape} voxels (order Z, Y, X)"
        )
    return spec


def _possible(measures: Sequence[str], members: int) -> tuple[str, ...]:
    for name in measures:
        if get_measure(name).needs_draws > members:
            raise SettingsError(f"{name} compares members, and there is only one: name more files")
    wanted = measures or [n for n, measure in MEASURES.items() if measure.needs_draws <= members]
    return tuple(dict.fromkeys(wanted))


def _checked_hash(posterior: ProbabilityPosterior) -> str:
    """SHA-256 of shape and probabilities in C order; refuses what is no softmax output.

    One pass in slabs, before anything is written. Warns about voxels that are not finite.
    """
    stack = posterior.stack
    depth, height, width = stack.shape
    digest = hashlib.sha256(f"{stack.num_members}/{stack.num_classes}/{stack.shape}".encode())
    invalid = 0
    for index in range(stack.num_members):
        member = posterior.draw(index, seed=0)
        for z in range(0, depth, _SLAB_PLANES):
            stop: Index3 = (min(z + _SLAB_PLANES, depth), height, width)
            slab = np.ascontiguousarray(member.probabilities(Roi((z, 0, 0), stop)))
            digest.update(slab.data)
            invalid += int(np.count_nonzero(~np.isfinite(slab).all(axis=0)))
    if invalid:
        warnings.warn(
            f"{stack.sources[0].name}: {invalid} voxels of {stack.num_members} members are NaN or "
            "infinite; they are left out, and their uncertainty is NaN",
            BayesSegWarning,
            stacklevel=3,
        )
    return digest.hexdigest()
