from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.review.journal.journal import Journal

ODD_TEXTS = ["Zoë 𝛼", "a\0b", "'; DROP TABLE rows; --", "\ud800 half", "", "=1+1\n\r\t"]


def filled(path: Path, count: int = 5) -> None:
    journal = Journal.open(path, user="ada")
    for n in range(count):
        journal.append("accept", {"n": n, "note": "voxel" * 9}, bytes([n]) * 50, {"place": n})
    journal.close()


def tampered(path: Path, *statements: str) -> None:
    """Change rows as somebody would who knows SQLite: without the triggers."""
    with sqlite3.connect(path) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type='trigger'")
        triggers = triggers.fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)
    connection.close()


def test_rows_come_back_in_order_with_everything_in_them(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = Journal.open(path, user="ada")
    assert (journal.sequence, journal.head, list(journal.rows()), journal.state) == (0, "", [], {})
    first = journal.append("begin", {"shape": [1, 2, 3]})
    second = journal.append("edit", {"b": None, "a": 0.1}, b"\0\xff", {"position": [1, 2, 3]})
    assert list(journal.rows()) == [first, second]
    assert (first.sequence, first.action, first.content) == (1, "begin", {"shape": [1, 2, 3]})
    assert (second.sequence, second.change, second.user) == (2, b"\0\xff", "ada")
    assert (first.previous, second.previous) == ("", first.hash)
    assert (journal.sequence, journal.head) == (2, second.hash)
    assert journal.state == {"position": [1, 2, 3]}
    journal.set_state({"position": None, "ä": "ö"})
    journal.close()
    again = Journal.open(path, user="bob")
    assert list(again.rows()) == [first, second]
    assert again.state == {"position": None, "ä": "ö"}
    assert again.append("accept", {}).user == "bob"
    again.verify()
    again.close()
    again.close()
    with pytest.raises(StoreError, match=r"can't be used .*close.* database"):
        again.append("accept", {})


def test_a_row_is_committed_as_safely_as_sqlite_can(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.sqlite")
    pragma = {
        name: journal._connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "fullfsync")
    }
    journal.close()
    assert pragma == {"journal_mode": "delete", "synchronous": 3, "fullfsync": 1}


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_any_text_from_outside_is_kept(tmp_path: Path, text: str) -> None:
    journal = Journal.open(tmp_path / "journal.sqlite", user=text)
    row = journal.append("accept", {"note": text, text: 1}, state={"note": text})
    journal.verify()
    assert list(journal.rows()) == [row]
    assert row.content == {"note": text, text: 1}
    assert journal.state == {"note": text}
    assert row.user == text.encode("utf-8", "backslashreplace").decode()
    journal.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rows SET user = 'eve' WHERE sequence = 2",
        "DELETE FROM rows WHERE sequence = 5",
        "DELETE FROM rows",
        "INSERT OR REPLACE INTO rows SELECT 2, utc, user, action, content, change, previous, hash "
        "FROM rows WHERE sequence = 1",
        "INSERT INTO rows SELECT 9, utc, user, action, content, change, previous, hash "
        "FROM rows WHERE sequence = 1",
    ],
)
def test_the_file_itself_refuses_to_change_rows(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "journal.sqlite"
    filled(path)
    with sqlite3.connect(path) as connection, pytest.raises(sqlite3.IntegrityError, match="rows"):
        connection.execute(statement)
    connection.close()
    journal = Journal.open(path)
    journal.verify()
    assert journal.sequence == 5
    journal.close()


@pytest.mark.parametrize(
    ("statement", "row", "what"),
    [
        ("UPDATE rows SET user = 'eve' WHERE sequence = 2", 2, "was changed"),
        ("UPDATE rows SET action = 'reject' WHERE sequence = 3", 3, "was changed"),
        ("UPDATE rows SET utc = '2000' WHERE sequence = 1", 1, "was changed"),
        ("UPDATE rows SET content = '{}' WHERE sequence = 4", 4, "was changed"),
        ("UPDATE rows SET content = '[' WHERE sequence = 4", 4, "was changed"),
        ("UPDATE rows SET change = x'00' WHERE sequence = 5", 5, "was changed"),
        ("UPDATE rows SET change = NULL WHERE sequence = 5", 5, "was changed"),
        ("UPDATE rows SET user = x'00ff' WHERE sequence = 5", 5, "was changed"),
        ("UPDATE rows SET hash = 'x' WHERE sequence = 2", 2, "was changed"),
        ("UPDATE rows SET user = user || action, action = '' WHERE sequence = 2", 2, "was changed"),
        ("DELETE FROM rows WHERE sequence = 3", 3, "is missing"),
        ("DELETE FROM rows WHERE sequence = 1", 1, "is missing"),
        ("DELETE FROM rows WHERE sequence = 5", 5, "is missing"),
        ("DELETE FROM rows", 1, "is missing"),
    ],
)
def test_a_changed_row_is_named(tmp_path: Path, statement: str, row: int, what: str) -> None:
    path = tmp_path / "journal.sqlite"
    filled(path)
    tampered(path, statement)
    journal = Journal.open(path)
    with pytest.raises(StoreError, match=f"row {row} of the journal {what} since it was written"):
        journal.verify()
    journal.close()


def test_swapped_rows_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    filled(path)
    tampered(
        path,
        "UPDATE rows SET sequence = 9 WHERE sequence = 2",
        "UPDATE rows SET sequence = 2 WHERE sequence = 3",
        "UPDATE rows SET sequence = 3 WHERE sequence = 9",
    )
    journal = Journal.open(path)
    with pytest.raises(StoreError, match="row 2 of the journal was changed"):
        journal.verify()
    journal.close()


def test_a_removed_trigger_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    filled(path)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER rows_stay")
    connection.close()
    journal = Journal.open(path)
    with pytest.raises(StoreError, match="its tables were changed"):
        journal.verify()
    journal.close()


def test_no_changed_byte_goes_unseen(tmp_path: Path) -> None:
    """Every 97th byte of the file, flipped: refused, or without any effect on rows and state."""
    path = tmp_path / "journal.sqlite"
    filled(path)
    content = path.read_bytes()
    journal = Journal.open(path)
    rows = list(journal.rows())
    journal.close()
    messages = []
    for place in range(0, len(content), 97):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x41]) + content[place + 1 :])
        try:
            journal = Journal.open(path)
            try:
                journal.verify()
                assert list(journal.rows()) == rows
            finally:
                journal.close()
        except StoreError as error:
            messages.append(str(error))
    assert len(messages) > 20
    assert not any("\n" in message for message in messages)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no database at all, but a text of some length" * 90, "no journal"),
        (b"SQLite format 3\0" + b"\xff" * 4000, "journal"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(content)
    for read_only in (False, True):
        with pytest.raises(StoreError, match=message):
            Journal.open(path, read_only=read_only)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE rows (a)")
    connection.close()
    for read_only in (False, True):
        with pytest.raises(StoreError, match="is no journal of a review"):
            Journal.open(path, read_only=read_only)


def test_a_newer_version_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    filled(path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(StoreError, match="format 7, but this version reads 1: update"):
        Journal.open(path)


def test_a_journal_that_was_hardly_begun_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.touch()
    journal = Journal.open(path)
    assert journal.append("begin", {}).sequence == 1
    journal.close()


def test_a_reader_makes_no_file_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with pytest.raises(StoreError, match="can't be opened"):
        Journal.open(path, read_only=True)
    assert list(tmp_path.iterdir()) == []
    filled(path)
    content = path.read_bytes()
    reader = Journal.open(path, read_only=True)
    assert len(list(reader.rows())) == 5
    assert reader.state == {"place": 4}
    for write in (lambda: reader.append("accept", {}), lambda: reader.set_state({"a": 1})):
        with pytest.raises(StoreError, match="can't be used"):
            write()
    reader.close()
    assert path.read_bytes() == content


def test_a_reader_follows_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    filled(path)
    writer, reader = Journal.open(path), Journal.open(path, read_only=True)
    for n in range(3):
        writer.append("accept", {})
        assert len(list(reader.rows())) == 6 + n
        reader.verify()
    writer.close()
    reader.close()


def test_two_writers_can_not_fork_the_chain(tmp_path: Path) -> None:
    """The lock of the review keeps them apart; here it is left out."""
    path = tmp_path / "journal.sqlite"
    filled(path)
    first, second = Journal.open(path), Journal.open(path)
    first.append("accept", {})
    with pytest.raises(StoreError, match="holds rows that this session doesn't know"):
        second.append("accept", {})
    first.append("accept", {})
    first.verify()
    first.close()
    second.close()


def test_threads_may_write_in_turn(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.sqlite")
    threads = [
        threading.Thread(target=lambda: [journal.append("accept", {}) for _ in range(10)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.verify()
    assert [row.sequence for row in journal.rows()] == list(range(1, 41))
    journal.close()


def test_a_busy_file_is_told_and_nothing_is_half_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_bayesseg.review.journal.journal_file._WAIT", 0.05)
    path = tmp_path / "journal.sqlite"
    filled(path)
    journal = Journal.open(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="another program holds it"):
        journal.append("accept", {}, state={"place": 99})
    other.execute("ROLLBACK")
    other.close()
    assert journal.state == {"place": 4}
    assert journal.append("accept", {}).sequence == 6
    journal.verify()
    journal.close()


def test_a_full_disk_loses_only_the_step_that_did_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    filled(path)
    journal = Journal.open(path)
    pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreError, match="the disk is full, this step was not saved"):
        journal.append("edit", {}, os.urandom(9000), {"place": 99})
    assert (journal.sequence, journal.state) == (5, {"place": 4})
    journal._connection.execute("PRAGMA max_page_count=100000")
    journal.append("edit", {}, os.urandom(9000), {"place": 6})
    journal.verify()
    journal.close()


def test_a_file_without_permission_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    filled(path)
    path.chmod(stat.S_IRUSR)
    journal = Journal.open(path, read_only=True)
    assert len(list(journal.rows())) == 5
    journal.close()


def test_state_that_was_damaged_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    filled(path)
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO state VALUES ('bad', '[[')")
    connection.close()
    journal = Journal.open(path)
    assert journal.state == {"place": 4}
    journal.close()


KILLED = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size=1")
connection.execute("BEGIN IMMEDIATE")
for n in range(6, 400):
    row = (n, "", "", "", "{}", bytes(5000), "", "")
    connection.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
assert os.path.exists(sys.argv[1] + "-journal")
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("read_only", [True, False])
def test_what_a_killed_writer_left_half_done_is_taken_back(tmp_path: Path, read_only) -> None:
    path = tmp_path / "journal.sqlite"
    filled(path)
    before = path.read_bytes()
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, timeout=30)
    assert path.with_name("journal.sqlite-journal").exists()
    assert path.read_bytes() != before
    journal = Journal.open(path, read_only=read_only)
    journal.verify()
    assert [json.dumps(row.content["n"]) for row in journal.rows()] == list("01234")
    journal.close()
