from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.session import Session
from tests.models import write_model
from tests.session.places import begin_review, write_places

_BEFORE: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def _threads_before() -> None:
    """Remember what other tests and libraries have under way."""
    _BEFORE.clear()
    _BEFORE.update(threading.enumerate())


def our_threads() -> list[str]:
    """Names of the threads begun in this test, but those that zarr keeps for itself."""
    names = [thread.name for thread in threading.enumerate() if thread not in _BEFORE]
    return [name for name in names if not name.startswith(("asyncio", "zarr"))]


@pytest.fixture
def background() -> Iterator[ThreadBackground]:
    """Real threads; none may be left behind."""
    background = ThreadBackground()
    yield background
    assert background.close(30)
    assert our_threads() == []


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def scan() -> Volume:
    """A scan in memory, with spacing and unit."""
    voxels = np.random.default_rng(7).gamma(3.0, 200.0, (16, 24, 24)).astype(np.uint16)
    return Volume.from_array(
        voxels, Geometry.from_spacing((2.0, 0.5, 0.5), unit="micrometer"), name="made"
    )


@pytest.fixture
def session(background: ThreadBackground) -> Iterator[Session]:
    session = Session(background)
    yield session
    session.close()


@pytest.fixture
def open_desk(session: Session, background: ThreadBackground) -> Callable[[Path], ReviewDesk]:
    """Opens a result and returns its desk."""

    def open_(path: Path) -> ReviewDesk:
        session.open_result(path)
        assert background.drain(60)
        assert session.desk is not None
        return session.desk

    return open_


@pytest.fixture
def desk(open_desk: Callable[[Path], ReviewDesk], tmp_path: Path) -> ReviewDesk:
    """A review of 18 cubes, at thresholds at which each is a region and four must be seen."""
    result = write_places(tmp_path / "r.zarr")
    begin_review(result)
    return open_desk(result.path)
