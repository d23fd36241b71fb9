"""What a person prefers: colours, and how reviews begin and go on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_bayesseg.core.settings import validation_message
from napari_bayesseg.review.audit.audit import DEFAULT_PLACES
from napari_bayesseg.review.labels.edits import EDIT_MARGIN
from napari_bayesseg.review.regions.queue import Order
from napari_bayesseg.review.regions.region_settings import DEFAULT_MIN_VOXELS
from napari_bayesseg.review.status import Replacement

__all__ = ["HeatColours", "PaletteName", "Preferences", "read_preferences"]


class HeatColours(StrEnum):
    """Colours of the heat maps; brightness rises evenly in all of them."""

    INFERNO = "inferno"
    MAGMA = "magma"
    CIVIDIS = "cividis"
    VIRIDIS = "viridis"
    GREY = "gray"


class PaletteName(StrEnum):
    """Colours of statuses and outlines; colour-blind people can tell those of each apart."""

    OKABE_ITO = "Okabe-Ito"
    TOL_BRIGHT = "Tol bright"
    HIGH_CONTRAST = "high contrast"


class Preferences(BaseModel):
    """Preferences that are no keys; titles and limits are those of the page in the window."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    heat_colours: HeatColours = Field(
        HeatColours.INFERNO,
        title="Heat maps",
        description="inferno, magma: bright on dark. cividis, viridis: also for the colour-blind",
    )
    palette: PaletteName = Field(
        PaletteName.OKABE_ITO,
        title="Statuses and outlines",
        description="All of them can be told apart by the colour-blind",
    )
    text_size: int = Field(
        10, ge=6, le=32, title="Text on the canvas (points)", description="6 to 32"
    )
    order: Order = Field(
        Order.EXPECTED_ERROR,
        title="Order of the regions",
        description="That a review opens with",
    )
    replacement: Replacement = Field(
        Replacement.RUNNER_UP,
        title="Rejected becomes",
        description="That a review opens with; previous needs a mask to begin from",
    )
    goes_on: bool = Field(
        True,
        title="Go on after a decision",
        description="To the next undecided region",
    )
    edit_margin: int = Field(
        EDIT_MARGIN,
        ge=2,
        le=128,
        title="Margin of the brush (voxels)",
        description="Around a region's box, 2 to 128",
    )
    min_volume_voxels: int = Field(
        DEFAULT_MIN_VOXELS,
        ge=1,
        le=1_000_000,
        title="Smallest region (voxels)",
        description="For reviews that begin from now on",
    )
    audit_places: int = Field(
        DEFAULT_PLACES,
        ge=1,
        le=10_000,
        title="Places of an audit",
        description="Random places that an audit proposes to look at",
    )


def read_preferences(values: Mapping[str, object]) -> tuple[Preferences, tuple[str, ...]]:
    """Return preferences from a settings file, whatever it holds.

    Parameters
    ----------
    values : mapping
        By field name; what is left out has its default, an unknown name is left out.

    Returns
    -------
    preferences : Preferences
        A value that can't be used gives way to its default.
    problems : tuple of str
        One line for each of those.
    """
    good: dict[str, object] = {}
    problems = []
    for name, field in Preferences.model_fields.items():
        if name not in values:
            continue
        try:
            good[name] = getattr(Preferences.model_validate({name: values[name]}), name)
        except ValidationError as error:
            message = validation_message(error).removeprefix(f"{name}: ")
            problems.append(f"{field.title}: {message}; {field.default} is used")
    return Preferences.model_validate(good), tuple(problems)
