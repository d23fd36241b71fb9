"""Keys of the review, bound where napari looks for them: on the viewer and on every layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QWidget

from napari_bayesseg.gui.review.actions import Action, When

if TYPE_CHECKING:
    import napari
    from napari.utils.events import Event

__all__ = ["CanvasKeys", "PanelKeys", "napari_key"]

Handler = Callable[[Any], Any]


def napari_key(key: str) -> str:
    """Return a key as napari writes it: ``"Control-Shift-Z"`` for ``"Ctrl+Shift+Z"``."""
    return key.replace("Ctrl", "Control").replace("+", "-")


class PanelKeys:
    """Lets the canvas' keys work in a panel too, wherever in it the focus is.

    Parameters
    ----------
    panel : QWidget
    actions : iterable of Action
        Those without a key are left out.
    begin : callable
        Receives an action when its key is pressed.
    """

    def __init__(
        self, panel: QWidget, actions: Iterable[Action], begin: Callable[[Action], None]
    ) -> None:
        self._shortcuts: list[tuple[When, QShortcut]] = []
        for action in actions:
            if action.key:
                shortcut = QShortcut(panel)
                # There are two keys to enter with.
                keys = ("Enter", "Return") if action.key == "Enter" else (action.key,)
                shortcut.setKeys([QKeySequence(key) for key in keys])
                shortcut.setAutoRepeat(False)
                shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
                shortcut.activated.connect(partial(begin, action))
                shortcut.setEnabled(action.when == "always")
                self._shortcuts.append((action.when, shortcut))

    def set_enabled(self, when: When, is_enabled: bool) -> None:
        """Switch keys on or off that don't work always."""
        for other, shortcut in self._shortcuts:
            if other == when:
                shortcut.setEnabled(is_enabled)


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
