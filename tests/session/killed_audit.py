"""A person in the middle of an audit, in a process that is to be killed.

Answers one place a line on the standard input, and says on the standard output which place is next.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.session import Session


def main(path: str) -> None:
    background = ThreadBackground()
    session = Session(background)
    session.open_result(Path(path))
    background.drain(60)
    desk = session.desk
    assert desk is not None
    if not desk.audit.is_on:
        desk.audit.start(12, seed=4)
        background.drain(60)
    while True:
        place = desk.audit.place
        assert place is not None
        os.write(1, f"{place.number} {place.position}\n".encode())
        answer = sys.stdin.readline()
        (desk.audit.agree if answer == "agree\n" else desk.audit.disagree)()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main(*sys.argv[1:])
