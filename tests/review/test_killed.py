"""Killed at any moment, a review has everything that was called saved, and its mask agrees."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.review.cases import write_random_result
from tests.review.kills import kill_again_and_again


def test_nothing_that_was_saved_is_lost_by_five_kills(tmp_path: Path) -> None:
    result = write_random_result(tmp_path / "scan.zarr")
    assert kill_again_and_again(result, 5, seed=1) >= 5


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_nothing_that_was_saved_is_lost_by_two_hundred_kills(tmp_path: Path) -> None:
    result = write_random_result(tmp_path / "scan.zarr")
    assert kill_again_and_again(result, 200, seed=100) >= 200
