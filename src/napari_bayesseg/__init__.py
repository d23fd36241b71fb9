"""See where a segmentation can't be trusted, and put it right fast.

The Python interface is small: :func:`predict` runs a Bayesian model over a scan, block by block,
and :func:`load_result` opens what it wrote. Both are loaded on first use, so that importing the
package stays cheap and needs neither torch nor a screen.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_bayesseg.inference.predict import predict
    from napari_bayesseg.inference.result import Result, load_result

try:
    __version__ = version("napari-bayesseg")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["Result", "__version__", "load_result", "predict"]

_HOMES = {
    "predict": "napari_bayesseg.inference.predict",
    "Result": "napari_bayesseg.inference.result",
    "load_result": "napari_bayesseg.inference.result",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
