from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.io import atomic
from napari_bayesseg.io.atomic import (
    check_room,
    check_writable,
    replace_atomically,
    write_bytes_atomically,
)
from napari_bayesseg.io.writers import write_volume

GEOMETRY = Geometry.from_spacing((2, 0.5, 0.5), unit="micrometer")
VALUES = np.arange(6 * 17 * 23, dtype=np.uint16).reshape(6, 17, 23)


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_new_content_takes_the_old_ones_place(tmp_path):
    path = tmp_path / "a.ome.tif"
    path.write_text("old")
    path.chmod(0o640)
    with replace_atomically(path) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.endswith(".ome.tif")
        assert path.read_text() == "old"
        temporary.write_text("new")
    assert content(tmp_path) == {"a.ome.tif": b"new"}
    assert path.stat().st_mode & 0o777 == 0o640


def test_small_files_are_written_whole(tmp_path):
    write_bytes_atomically(tmp_path / "a.json", b"{}")
    write_bytes_atomically(tmp_path / "a.json", b"[1]")
    assert content(tmp_path) == {"a.json": b"[1]"}


def test_a_symbolic_link_is_replaced_not_followed(tmp_path):
    (tmp_path / "target").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_bytes_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "target").read_text() == "precious"
    assert not (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), FormatError("y")])
def test_an_error_while_writing_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def write() -> None:
        with replace_atomically(path) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert content(tmp_path) == {"a.bin": b"old"}


def test_a_failed_comparison_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def verify(temporary: Path) -> None:
        raise FormatError(f"differs: {temporary.read_bytes()!r}")

    with (
        pytest.raises(FormatError, match="b'new'"),
        replace_atomically(path, verify=verify) as temporary,
    ):
        temporary.write_bytes(b"new")
    assert content(tmp_path) == {"a.bin": b"old"}


def test_nothing_written_is_an_error(tmp_path):
    with pytest.raises(FormatError, match=r"^a.bin: "), replace_atomically(tmp_path / "a.bin"):
        pass


class Failing:
    """Replaces a function: the n-th call fails as a full disk does."""

    def __init__(self, function, number: int, code: int = errno.ENOSPC):
        self.function, self.number, self.code, self.calls = function, number, code, 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        if self.calls == self.number:
            raise OSError(self.code, os.strerror(self.code))
        return self.function(*args, **kwargs)


POINTS = [("fsync", 1), ("replace", 1), ("copymode", 1)]


@pytest.mark.parametrize("suffix", [".ome.tif", ".tif", ".nii", ".nii.gz"])
@pytest.mark.parametrize(("point", "number"), POINTS)
def test_a_failing_step_leaves_the_old_file(tmp_path, monkeypatch, suffix, point, number):
    if "nii" in suffix:
        pytest.importorskip("nibabel", reason="NIfTI needs the extra `medical`")
    path = tmp_path / f"mask{suffix}"
    write_volume(path, VALUES, GEOMETRY)
    before = content(tmp_path)
    owner, name = {
        "fsync": (atomic.os, "fsync"),
        "replace": (Path, "replace"),
        "copymode": (atomic.shutil, "copymode"),
    }[point]
    failing = Failing(getattr(owner, name), number)
    if point == "replace":
        monkeypatch.setattr(Path, "replace", lambda self, target: failing(self, target))
    else:
        monkeypatch.setattr(owner, name, failing)
    with pytest.raises(FormatError, match=rf"^mask{suffix}: can't be written.*room"):
        write_volume(path, VALUES + 1, GEOMETRY)
    assert failing.calls == number
    assert content(tmp_path) == before


def test_every_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    """A disk that is full after n bytes, for n from none to almost all."""
    path = tmp_path / "mask.nii"
    pytest.importorskip("nibabel", reason="NIfTI needs the extra `medical`")
    write_volume(path, VALUES, GEOMETRY)
    before = content(tmp_path)
    monkeypatch.setattr("napari_bayesseg.io.slabs._SLAB_BYTES", 800)

    class FullDisk:
        def __init__(self, file, room: int):
            self.file, self.room = file, room

        def write(self, data):
            self.room -= 1
            if self.room < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self.file.write(data)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

    original = Path.open
    for room in range(7):  # the header and six slabs

        def opened(self, mode="r", *args, room=room, **kwargs):
            file = original(self, mode, *args, **kwargs)
            return FullDisk(file, room) if mode == "wb" and self.suffix == ".nii" else file

        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", opened)
            with pytest.raises(FormatError, match=r"No space left.*unchanged.*room"):
                write_volume(path, VALUES + 1, GEOMETRY)
        assert content(tmp_path) == before
    write_volume(path, VALUES + 1, GEOMETRY)
    assert content(tmp_path) != before


@pytest.mark.parametrize("suffix", [".ome.tif", ".nii"])
def test_bytes_that_the_disk_changed_are_noticed(tmp_path, monkeypatch, suffix):
    if suffix == ".nii":
        pytest.importorskip("nibabel", reason="NIfTI needs the extra `medical`")
    path = tmp_path / f"mask{suffix}"
    values = VALUES.astype(np.float32)
    write_volume(path, values, GEOMETRY)
    before = content(tmp_path)

    def flush(temporary: Path) -> None:
        changed = bytearray(temporary.read_bytes())
        changed[5000] ^= 4  # among the voxels of both formats
        temporary.write_bytes(changed)

    monkeypatch.setattr(atomic, "flush_to_disk", flush)
    with pytest.raises(FormatError, match="other values"):
        write_volume(path, values + 1, GEOMETRY)
    assert content(tmp_path) == before


def test_an_unconfirmed_folder_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic.os, "fsync", Failing(os.fsync, 2, errno.EIO))
    with pytest.raises(FormatError, match="did not confirm"):
        write_bytes_atomically(tmp_path / "a.bin", b"new")
    assert content(tmp_path) == {"a.bin": b"new"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_kill_at_any_time_leaves_a_whole_file(tmp_path):
    """The file holds one of the two complete contents whenever the writer dies."""
    path = tmp_path / "a.bin"
    script = (
        "import sys, pathlib\n"
        "from napari_bayesseg.io.atomic import write_bytes_atomically\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    for letter in (b'a', b'b'):\n"
        "        write_bytes_atomically(path, letter * 300_000)\n"
    )
    rng = np.random.default_rng(3)
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE
        ) as process:
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
        if path.exists():
            assert path.read_bytes() in (b"a" * 300_000, b"b" * 300_000)


def test_a_folder_that_can_be_written_to_is_left_as_it_was(tmp_path):
    check_writable(tmp_path)
    check_writable(tmp_path / "not" / "yet" / "there")
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_folder_is_refused_before_computing(tmp_path, monkeypatch):
    failing = Failing(Path.write_bytes, 1, errno.EROFS)
    monkeypatch.setattr(Path, "write_bytes", lambda self, data: failing(self, data))
    with pytest.raises(FormatError, match=r"can't be written to \(Read-only"):
        check_writable(tmp_path)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a").write_text("x")
    with pytest.raises(FormatError, match="must be a folder"):
        check_writable(tmp_path / "a" / "b")


def test_missing_room_is_named(tmp_path):
    check_room(tmp_path, 1)
    with pytest.raises(FormatError, match="MiB are needed"):
        check_room(tmp_path, 2**62)
