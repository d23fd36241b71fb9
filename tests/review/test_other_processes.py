"""One process writes a review; any number may read it meanwhile."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

from napari_bayesseg.review.review import Review, read_reviewed_labels
from napari_bayesseg.review.status import Status
from tests.review.cases import SETTINGS, blocks, table_of, write_random_result

ROOT = Path(__file__).resolve().parents[2]
OPEN = """
import sys
from napari_bayesseg.inference.result import load_result
from napari_bayesseg.review.review import Review
with Review.open(load_result(sys.argv[1])) as review:
    print(review.read_only, flush=True)
    sys.stdin.readline()
"""
READ = """
import sys
from napari_bayesseg.inference.result import load_result
from napari_bayesseg.review.review import read_reviewed_labels
result = load_result(sys.argv[1])
print("ready", flush=True)
for _ in sys.stdin:
    labels = read_reviewed_labels(result)
    changed = int((labels != result.labels[...]).sum())
    print(changed, flush=True)
"""


def start(code: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_while_another_process_reviews_this_one_reads(tmp_path: Path) -> None:
    result = write_random_result(tmp_path / "scan.zarr")
    with start(OPEN, result.path) as other:
        assert other.stdout.readline() == "False\n"
        with Review.open(result) as review:
            assert review.read_only
            assert "by another process" in review.notice
        np.testing.assert_array_equal(read_reviewed_labels(result), result.labels[...])
        other.kill()
        other.wait()
        with Review.open(result) as review:
            assert not review.read_only


def test_others_read_whole_steps_while_this_process_reviews(tmp_path: Path) -> None:
    """A reader never sees half a decision, and never stops the writer."""
    result = write_random_result(tmp_path / "scan.zarr")
    table = table_of(blocks())
    ids = [region.id for region in table.regions]
    counts = {0}
    seen = []
    with Review.open(result) as review, start(READ, result.path) as reader:
        assert reader.stdout.readline() == "ready\n"

        def ask() -> None:
            while len(seen) < 15 or (len(set(seen)) < 4 and len(seen) < 500):
                reader.stdin.write("now\n")
                reader.stdin.flush()
                seen.append(int(reader.stdout.readline()))

        asking = threading.Thread(target=ask)
        asking.start()
        step = 0
        while asking.is_alive():
            chosen = [table.regions[n % len(ids)] for n in range(step, step + 3)]
            status = Status.REJECTED if step % 2 else Status.PENDING
            review.decide(chosen, table.region_labels, status, settings=SETTINGS)
            counts.add(int((review.labels() != result.labels[...]).sum()))
            step += 1
        asking.join()
        reader.stdin.close()
    assert set(seen) <= counts
    assert len(set(seen)) >= 4
