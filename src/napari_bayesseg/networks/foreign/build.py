"""The only four constructors of another library that are ever called."""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode

from napari_bayesseg.core.errors import CheckpointError
from napari_bayesseg.networks.foreign.spec import ForeignSpec

__all__ = ["UnfilledWeights", "build_foreign"]

_FILLING = {"normal_", "uniform_", "trunc_normal_"}


class UnfilledWeights(TorchFunctionMode):
    """Leave new weights as they are: a context in which networks are built for their shapes.

    Filling tensors that have no memory would load torch's compiler, seconds, to do nothing.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if getattr(func, "__name__", "") in _FILLING:
            return args[0] if args else named["tensor"]
        return func(*args, **named)


def _constructor(spec: ForeignSpec) -> type[nn.Module]:
    name = spec.network.removeprefix("monai.")  # one of four, see ForeignName
    try:
        module = importlib.import_module("monai.networks.nets")
    except ModuleNotFoundError:
        raise CheckpointError(
            f'{spec.network} needs MONAI, which is missing: pip install "napari-bayesseg[monai]"'
        ) from None
    constructor: type[nn.Module] = getattr(module, name)
    return constructor


def _check_arguments(
    spec: ForeignSpec, constructor: type[nn.Module], given: dict[str, Any]
) -> None:
    parameters = inspect.signature(constructor).parameters
    unknown = sorted(given.keys() - parameters.keys())
    if unknown:
        known = ", ".join(name for name in parameters if name not in given)
        raise CheckpointError(
            f"{spec.network} has no argument {unknown[0]!r}; those not given yet are: {known}"
        )
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty and name not in given
    ]
    if missing:
        raise CheckpointError(f"{spec.network} needs the arguments {', '.join(missing)}")


def build_foreign(spec: ForeignSpec) -> nn.Module:
    """Build the network of a specification, with three spatial dimensions, in evaluation mode.

    Raises
    ------
    CheckpointError
        If the library is missing, or the arguments don't fit its constructor.
    """
    constructor = _constructor(spec)
    given = {
        "spatial_dims": 3,
        "in_channels": spec.in_channels,
        "out_channels": spec.num_classes,
        **spec.arguments,
    }
    _check_arguments(spec, constructor, given)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about initial weights, which are replaced
            return constructor(**given).eval()
    except Exception as error:  # whatever a constructor makes of numbers it did not expect
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{spec.network} refuses its arguments: {reason}") from None
