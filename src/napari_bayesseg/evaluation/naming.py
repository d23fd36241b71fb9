"""Which method and which case a result is, where nobody says it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from napari_bayesseg.inference.result import Result

__all__ = ["method_name", "name_results"]


def method_name(result: Result) -> str:
    """Return the name of the model; of the result where it was made from probabilities."""
    return str(result.record["model"].get("name") or result.path.stem)


def name_results(results: Sequence[Result], names: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Return the method and the case of each result.

    A method is called as its model, and where one model has predicted a scan twice, as its
    results. A case is called as its scan; different scans of one name are numbered.

    Parameters
    ----------
    results : sequence of Result
    names : sequence of str
        Of the methods, one a result; by default chosen.
    """
    cases = _case_names(results)
    methods = list(names) or [method_name(result) for result in results]
    pairs = Counter(zip(methods, cases, strict=True))
    twice = {method for (method, _), count in pairs.items() if count > 1}
    if twice and not names:
        methods = [
            result.path.stem if method in twice else method
            for method, result in zip(methods, results, strict=True)
        ]
    return list(zip(methods, cases, strict=True))


def _case_names(results: Sequence[Result]) -> list[str]:
    """Return a name for each scan; those of one name are told apart by what they hold.

    A result that was made from probabilities doesn't know its scan's voxels: there the name counts.
    """
    known: dict[str, list[str]] = {}
    for result in results:
        hashes = known.setdefault(result.spec.name, [])
        if _scan_hash(result) not in (None, *hashes):
            hashes.append(str(_scan_hash(result)))
    found = []
    for result in results:
        name, scan_hash = result.spec.name, _scan_hash(result)
        hashes = known[name]
        number = hashes.index(scan_hash) + 1 if scan_hash in hashes else 1
        found.append(name if len(hashes) < 2 else f"{name} ({number})")
    return found


def _scan_hash(result: Result) -> str | None:
    record = result.record
    return None if record["model"]["kind"] == "probabilities" else str(record["scan"]["sha256"])
