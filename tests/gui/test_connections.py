from __future__ import annotations

from psygnal import Signal

from napari_bayesseg.gui.connections import Connections


class Speaker:
    said = Signal(str)


def test_others_take_the_place_of_those_before() -> None:
    first, second, heard = Speaker(), Speaker(), list[str]()
    connections = Connections((first.said, heard.append))
    first.said.emit("one")
    connections.follow((second.said, heard.append))
    first.said.emit("not heard")
    second.said.emit("two")
    connections.drop()
    second.said.emit("not heard")
    connections.drop()
    assert heard == ["one", "two"]
