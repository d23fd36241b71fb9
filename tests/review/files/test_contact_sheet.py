from __future__ import annotations

import io

import numpy as np
from PIL import Image

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.review.files.contact_sheet import (
    CLASS_COLOURS,
    REGION_COLOUR,
    changed_places,
    draw_place,
)
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Replacement, Status
from tests.results import GEOMETRY
from tests.review.cases import SHAPE
from tests.review.steps import TABLE, decide, paint


def rgb(colour: str) -> list[int]:
    return [int(colour[n : n + 2], 16) for n in (1, 3, 5)]


def has(picture: np.ndarray, colour: str) -> bool:
    return bool((picture == rgb(colour)).all(axis=-1).any())


def test_places_are_those_that_were_changed_last_the_worst_first(review: Review) -> None:
    decide(review, [3], Status.REJECTED)
    decide(review, [1, 2], Status.REJECTED)
    decide(review, [2], Status.ACCEPTED)
    paint(review, Roi((2, 2, 40), (3, 5, 44)), 2, region=4)
    decide(review, [5], Status.ACCEPTED)
    decide(review, [6], Status.REJECTED)
    review.undo()
    assert [place.decision.region_id for place in changed_places(review.operations())] == [1, 3, 4]


def test_both_halves_show_scan_outlines_and_region(review: Review) -> None:
    """A region whose labels become background loses its outlines, on the right only."""
    decide(review, [7], Status.REJECTED, replacement=Replacement.BACKGROUND)
    decision = changed_places(review.operations())[0].decision
    voxels = np.random.default_rng(0).normal(100, 10, SHAPE).astype(np.float32)
    scan = Volume.from_array(voxels, GEOMETRY)
    labels = np.zeros(SHAPE, np.uint8)  # as if nothing were left
    png = draw_place(decision, review, scan, labels)
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    half = (picture.shape[1] - 4) // 2
    left, right = picture[:, :half], picture[:, half + 4 :]
    assert left.shape == right.shape
    assert max(left.shape) in range(160, 201)
    assert (picture[:, half : half + 4] == 255).all()
    assert any(has(left, colour) for colour in CLASS_COLOURS[:2])
    assert not any(has(right, colour) for colour in CLASS_COLOURS[:2])
    assert has(left, REGION_COLOUR)
    assert has(right, REGION_COLOUR)
    grey = (right == right[..., :1]).all(axis=-1)
    assert len(np.unique(right[grey])) > 100


def test_without_a_scan_and_at_the_border_there_are_outlines_all_the_same(review: Review) -> None:
    decide(review, [TABLE.regions[-1].id], Status.REJECTED)
    decision = changed_places(review.operations())[0].decision
    png = draw_place(decision, review, None, review.labels())
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    assert has(picture, REGION_COLOUR)
