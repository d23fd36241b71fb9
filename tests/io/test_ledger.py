from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.io.ledger import Ledger, LedgerRow

RUN = "a" * 64


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.jsonl", RUN)


def test_an_absent_ledger_is_empty(ledger: Ledger) -> None:
    assert ledger.rows() == {}
    assert not ledger.path.exists()


def test_rows_come_back_and_a_later_line_wins(ledger: Ledger) -> None:
    ledger.append(3, "x", "cpu")
    ledger.append(1, "y", "cuda")
    ledger.append(3, "z", "cpu")
    assert ledger.rows() == {
        3: LedgerRow(3, "z", RUN, "cpu"),
        1: LedgerRow(1, "y", RUN, "cuda"),
    }
    assert len(ledger.path.read_text().splitlines()) == 3


def test_a_line_is_on_the_disk_when_append_returns(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(
        "napari_bayesseg.io.ledger.os.fsync",
        lambda descriptor: synced.append(ledger.path.read_bytes()),
    )
    ledger.append(0, "x", "cpu")
    assert synced == [ledger.path.read_bytes()]


@pytest.mark.parametrize("keep", range(0, 40, 7))
def test_a_line_that_was_cut_off_is_no_line_and_is_overwritten(ledger: Ledger, keep: int) -> None:
    ledger.append(0, "x", "cpu")
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole + whole[:keep])
    assert sorted(ledger.rows()) == [0]
    ledger.append(1, "y", "cpu")
    assert sorted(ledger.rows()) == [0, 1]
    assert all(json.loads(line) for line in ledger.path.read_text().splitlines())


@pytest.mark.parametrize(
    "line", [b"{half", b"3", b"[]", b"", b"\xff\xfe", b'{"index": 0}', b'{"index": 0, "more": 1}']
)
def test_a_damaged_line_is_named(ledger: Ledger, line: bytes) -> None:
    ledger.append(0, "x", "cpu")
    ledger.path.write_bytes(ledger.path.read_bytes() + line + b"\n")
    with pytest.raises(StoreError, match=r"ledger\.jsonl: line 2 is damaged; .*--overwrite"):
        ledger.rows()


def test_a_line_of_another_run_is_refused(ledger: Ledger) -> None:
    ledger.append(0, "x", "cpu")
    other = Ledger(ledger.path, "b" * 64)
    with pytest.raises(StoreError, match="line 1 belongs to another run"):
        other.rows()


def test_dropped_blocks_are_forgotten_and_the_others_kept(ledger: Ledger) -> None:
    for index in range(4):
        ledger.append(index, str(index), "cpu")
    ledger.drop({1, 2, 9})
    assert {index: row.sha256 for index, row in ledger.rows().items()} == {0: "0", 3: "3"}
    assert [path.name for path in ledger.path.parent.iterdir()] == ["ledger.jsonl"]
    ledger.append(1, "new", "cpu")
    assert ledger.rows()[1].sha256 == "new"


def test_a_failed_drop_leaves_the_old_ledger(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(2):
        ledger.append(index, str(index), "cpu")
    before = ledger.path.read_bytes()

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_bayesseg.io.ledger.os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        ledger.drop({0})
    assert ledger.path.read_bytes() == before


def test_a_block_that_was_left_out_says_so_and_others_stay_as_they_were(ledger: Ledger) -> None:
    ledger.append(0, "x", "cpu")
    ledger.append(1, "y", "cpu", skipped=True)
    lines = ledger.path.read_text().splitlines()
    assert lines[0] == f'{{"device": "cpu", "index": 0, "run_id": "{RUN}", "sha256": "x"}}'
    assert json.loads(lines[1])["skipped"] is True
    ledger.drop({9})
    assert [row.skipped for row in ledger.rows().values()] == [False, True]
