"""Keys of the review, bound where napari looks for them: on the viewer and on every layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QApplication, QWidget

from napari_bayesseg.gui.review.keys.actions import (
    ALL_ACTIONS,
    Action,
    When,
    actions_of,
    get_action,
)

if TYPE_CHECKING:
    import napari
    from napari.utils.events import Event

__all__ = ["CanvasKeys", "ModeKeys", "PanelKeys", "is_known", "napari_key"]

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


class PanelKeys:
    """Lets the canvas' keys work in a panel too, wherever in it the focus is.

    Parameters
    ----------
    panel : QWidget
    actions : iterable of Action
        Those without a key, and those that take another's place, are left out.
    begin : callable
        Receives an action when its key is pressed.
    """

    def __init__(
        self, panel: QWidget, actions: Iterable[Action], begin: Callable[[Action], None]
    ) -> None:
        self._panel = panel
        self._begin = begin
        self._active: set[When] = {"always"}
        self._shortcuts: list[tuple[When, QShortcut]] = []
        self.set_actions(actions)

    def set_actions(self, actions: Iterable[Action]) -> None:
        """Bind other keys."""
        for _, shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        bound = (action for action in actions if action.key and action.when != "instead")
        self._shortcuts = [(action.when, self._shortcut(action)) for action in bound]

    def set_enabled(self, when: When, is_enabled: bool) -> None:
        """Switch keys on or off that don't work always."""
        (self._active.add if is_enabled else self._active.discard)(when)
        for other, shortcut in self._shortcuts:
            if other == when:
                shortcut.setEnabled(is_enabled)

    def _shortcut(self, action: Action) -> QShortcut:
        shortcut = QShortcut(self._panel)
        # There are two keys to enter with.
        keys = ("Enter", "Return") if action.key == "Enter" else (action.key,)
        shortcut.setKeys([QKeySequence(key) for key in keys])
        shortcut.setAutoRepeat(False)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(partial(self._run, action))
        shortcut.setEnabled(action.when in self._active)
        return shortcut

    def _run(self, action: Action) -> None:
        # Who types into a list or menu that is open looks for an entry, and decides nothing.
        if QApplication.activePopupWidget() is None:
            self._begin(action)


class ModeKeys:
    """The keys of every mode on a viewer's canvas: those of the modes that are on are bound.

    Parameters
    ----------
    viewer : napari.Viewer
    begin, end : callable
        Receive an action when its key goes down, and up where it is one to hold.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        begin: Callable[[Action], None],
        end: Callable[[Action], None],
    ) -> None:
        self._viewer = viewer
        self._begin, self._end = begin, end
        self.actions: tuple[Action, ...] = ALL_ACTIONS
        self._bound: dict[When, CanvasKeys] = {}
        self.set_active("always", True)

    def set_active(self, when: When, is_active: bool) -> None:
        """Bind the keys of a mode that begins, or give them back where it ends."""
        if is_active and when not in self._bound:
            actions = actions_of(when, self.actions)
            self._bound[when] = CanvasKeys(self._viewer, actions, self._begin, self._end)
        elif not is_active and when in self._bound:
            self._bound.pop(when).close()

    def set_actions(self, actions: tuple[Action, ...]) -> None:
        """Bind other keys."""
        modes = tuple(self._bound)
        self.close()
        self.actions = actions
        for when in modes:
            self.set_active(when, True)

    def key_of(self, name: str) -> str:
        """Return the key of an action; empty where it has none."""
        return get_action(name, self.actions).key

    def close(self) -> None:
        """Give all keys back."""
        # Those bound last first: what was there before comes back in order.
        for when in reversed(tuple(self._bound)):
            self.set_active(when, False)


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
