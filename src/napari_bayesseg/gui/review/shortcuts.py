"""Keys of the review, bound where napari looks for them: on the viewer and on every layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from napari.utils.key_bindings import coerce_keybinding

from napari_bayesseg.gui.review.actions import Action

if TYPE_CHECKING:
    import napari
    from napari.utils.events import Event

__all__ = ["CanvasKeys", "is_known", "napari_key"]

# Qt's names that napari doesn't know.
_NAMES = {"PgUp": "PageUp", "PgDown": "PageDown", "Del": "Delete", "Ins": "Insert"}

Handler = Callable[[Any], Any]


def napari_key(key: str) -> str:
    """Return a key as napari writes it: ``"Control-Shift-Z"`` for ``"Ctrl+Shift+Z"``."""
    *modifiers, last = key.split("+") if key != "+" else [key]
    parts = ["Control" if part == "Ctrl" else part for part in modifiers]
    return "-".join([*parts, _NAMES.get(last, last)])


def is_known(key: str) -> bool:
    """Whether napari knows a key, so that it can be bound."""
    # Of one that it doesn't know only the modifiers are left.
    return str(coerce_keybinding(napari_key(key))).rpartition("+")[2] != ""


class CanvasKeys:
    """Binds actions to keys on a viewer's canvas.

    A layer's keys beat the viewer's, so each key is bound on all layers, present and future; what
    was bound there before comes back with :meth:`close`.

    Parameters
    ----------
    viewer : napari.Viewer
    actions : iterable of Action
        Those without a key are left out.
    begin, end : callable
        Receive an action when its key goes down, and, where it is one to hold, when it comes up.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        actions: Iterable[Action],
        begin: Callable[[Action], None],
        end: Callable[[Action], None],
    ) -> None:
        self._viewer = viewer
        self._handlers = {
            napari_key(action.key): _handler(action, begin, end) for action in actions if action.key
        }
        self._former: list[tuple[Any, str, Handler | None]] = []
        for provider in (viewer, *viewer.layers):
            self._bind(provider)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)

    def close(self) -> None:
        """Give all keys back."""
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self._release(lambda _: True)

    def _bind(self, provider: Any) -> None:
        for key, handler in self._handlers.items():
            former = provider.bind_key(key, handler, overwrite=True)
            self._former.append((provider, key, former))

    def _release(self, is_meant: Callable[[Any], bool]) -> None:
        kept = []
        for provider, key, former in self._former:
            if not is_meant(provider):
                kept.append((provider, key, former))
                continue
            provider.bind_key(key, None)
            if former is not None:
                provider.bind_key(key, former)
        self._former = kept

    def _on_inserted(self, event: Event) -> None:
        self._bind(event.value)

    def _on_removed(self, event: Event) -> None:
        self._release(lambda provider: provider is event.value)


def _handler(
    action: Action, begin: Callable[[Action], None], end: Callable[[Action], None]
) -> Handler:
    if not action.hold:
        return lambda provider: begin(action)

    def hold(provider: Any) -> Iterator[None]:
        begin(action)
        yield
        end(action)

    return hold
