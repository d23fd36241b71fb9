"""Writes down every signal of an object, in order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psygnal


class Heard:
    def __init__(self, owner: object) -> None:
        self.names: list[str] = []
        self.values: dict[str, list[Any]] = {}
        self.threads: set[int] = set()
        for kind in type(owner).__mro__:
            for name, value in vars(kind).items():
                if isinstance(value, psygnal.Signal):
                    getattr(owner, name).connect(self._entry(name))

    def _entry(self, name: str) -> Callable[..., None]:
        def hear(*values: object) -> None:
            self.names.append(name)
            self.values.setdefault(name, []).append(values[0] if len(values) == 1 else values)
            self.threads.add(threading.get_ident())

        return hear

    def __getitem__(self, name: str) -> list[Any]:
        return self.values.get(name, [])

    def forget(self) -> None:
        self.names.clear()
        self.values.clear()
