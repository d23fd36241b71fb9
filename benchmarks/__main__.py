"""The command line: ``python -m benchmarks NAME|all [--quick] --json FILE``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import (
    accuracy,
    audit,
    cluster,
    coherence,
    durability,
    exactness,
    first_look,
    gpu,
    learning,
    many_regions,
    memory,
    queue,
    real,
    region_tree,
    review_worth,
    roofline,
    sample,
    throughput,
    tour,
    unseen,
    viewer,
)
from benchmarks.data import FOLDER_VARIABLE
from benchmarks.machine import describe_machine
from benchmarks.methods import study
from benchmarks.rows import Outcome, Row, write_outcomes
from benchmarks.tables import markdown

__all__ = ["BENCHMARKS", "main"]

BENCHMARKS: Mapping[str, Callable[[bool], list[Row]]] = {
    # Those that are timed come first: a processor that is warm and busy tells another time.
    "throughput": throughput.run,
    "roofline": roofline.run,
    "gpu": gpu.run,
    "sample": sample.run,
    "regions": region_tree.run,
    "viewer": viewer.run,
    "first-look": first_look.run,
    "tour": tour.run,
    "many-regions": many_regions.run,
    "memory": memory.run,
    "durability": durability.run,
    "workers": cluster.run,
    "exactness": exactness.run,
    "coherence": coherence.run,
    "accuracy": accuracy.run,
    "unseen": unseen.run,
    "queue": queue.run,
    "audit": audit.run,
    "review-worth": review_worth.run,
    "methods": study.run,
    "learn": learning.run,
    "real": real.run,
}
"""Benchmarks by name, in the order of ``all``."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure what the documentation promises; only learn, methods and review-worth "
        "train.",
        allow_abbrev=False,
    )
    parser.add_argument("name", choices=[*BENCHMARKS, "all"], help="which benchmark")
    parser.add_argument(
        "--quick", action="store_true", help="fewer scans, draws and repeats: 20 minutes for all"
    )
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="file to write")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder of the simulated series (electrode_test, electrode_test_defects), made there "
        f"where they are missing; default ${FOLDER_VARIABLE}, or the user's cache",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0 if every goal was kept, else 1."""
    options = _parser().parse_args(arguments)
    if options.data is not None:
        os.environ[FOLDER_VARIABLE] = str(options.data.resolve())
    names = list(BENCHMARKS) if options.name == "all" else [options.name]
    machine = describe_machine()
    outcomes: list[Outcome] = []
    for name in names:
        started = time.perf_counter()
        outcome = Outcome.of(name, machine, BENCHMARKS[name](options.quick))
        sys.stderr.write(f"{name}: {time.perf_counter() - started:.0f} s\n")
        outcomes.append(outcome)
        print(f"\n## {name}\n\n{machine}\n\n{markdown(outcome)}", flush=True)
        # After each, so that an interrupted run leaves what it has.
        write_outcomes(options.json, outcomes)
    missed = [entry["metric"] for outcome in outcomes for entry in outcome.missed]
    for metric in missed:
        sys.stderr.write(f"missed: {metric}\n")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
