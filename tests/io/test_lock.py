from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.io.lock import LockHeldError, exclusive_lock

HOLD = """
import sys
from pathlib import Path
from napari_bayesseg.io.lock import exclusive_lock
with exclusive_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_ends_in_any_way(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"held"
        with pytest.raises(LockHeldError, match="another process is writing"), exclusive_lock(path):
            pass
        process.kill()
        process.wait()
        with exclusive_lock(path):
            pass


def test_a_second_writer_in_this_process_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with exclusive_lock(path):
        with pytest.raises(StoreError, match=f"^{tmp_path}: another"), exclusive_lock(path):
            pass
        assert path.read_bytes() == b""
    with exclusive_lock(path):
        pass


def test_an_error_inside_releases_the_lock(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with pytest.raises(ZeroDivisionError), exclusive_lock(path):
        raise ZeroDivisionError
    with exclusive_lock(path):
        pass


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in ("file", "nowhere"):
        lock = exclusive_lock(tmp_path / place / ".lock")
        with pytest.raises(StoreError, match=f"{place}: can't be written to") as caught, lock:
            pass
        assert not isinstance(caught.value, LockHeldError)
