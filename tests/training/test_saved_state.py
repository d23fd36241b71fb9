from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_bayesseg.core.errors import FormatError, StoreError
from napari_bayesseg.training.identity import TrainingIdentity
from napari_bayesseg.training.saved_state import SavedState, state_folder

IDENTITY = TrainingIdentity({"seed": 1}, 2, {})


def opened(folder: Path, identity: TrainingIdentity = IDENTITY, *, overwrite: bool = False):
    return SavedState.opened(folder, identity, overwrite=overwrite)


def test_tensors_and_numbers_come_back_as_they_were(tmp_path: Path) -> None:
    layout = torch.randn(2, 3, 4, 4, 4).to(memory_format=torch.channels_last_3d)
    tensors = {"a": layout, "b": layout, "state": torch.Generator().manual_seed(3).get_state()}
    large = 2**127 + 1  # of NumPy's generators
    with opened(tmp_path / "m.training") as state:
        assert state.load() is None
        state.save(tensors, {"step": 3, "state": large, "best": float("inf")})
        state.save_network(1, {"w": layout})
    with opened(tmp_path / "m.training") as state:
        found = state.load()
        assert found is not None
        assert found[1] == {"step": 3, "state": large, "best": float("inf")}
        assert all(torch.equal(found[0][name], tensor) for name, tensor in tensors.items())
        assert torch.equal(state.load_network(1)["w"], layout)
        with pytest.raises(StoreError, match=r"network-000\.safetensors: is missing"):
            state.load_network(0)
    SavedState.remove(tmp_path / "m.training")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_named_after_the_model(tmp_path: Path) -> None:
    assert state_folder(tmp_path / "v1.2") == tmp_path / "v1.2.training"


def test_another_training_replaces_it_only_where_that_is_wanted(tmp_path: Path) -> None:
    other = TrainingIdentity({"seed": 2}, 2, {})
    with opened(tmp_path / "s") as state:
        state.save({"a": torch.zeros(1)}, {})
        state.save_network(0, {"a": torch.zeros(1)})
    with (
        pytest.raises(StoreError, match=r"seed was 1, is 2; go on .*or pass --overwrite"),
        opened(tmp_path / "s", other),
    ):
        pytest.fail("opened")
    with opened(tmp_path / "s", other, overwrite=True) as state:
        assert state.load() is None
        assert sorted(p.name for p in (tmp_path / "s").iterdir()) == ["lock", "training.json"]
    with opened(tmp_path / "s", other) as state:
        assert state.load() is None


@pytest.mark.parametrize("content", [b"", b"half", b"\xff" * 200])
def test_a_damaged_state_is_refused_with_the_remedy(tmp_path: Path, content: bytes) -> None:
    with opened(tmp_path / "s") as state:
        (tmp_path / "s" / "state.safetensors").write_bytes(content)
        with pytest.raises(StoreError, match=r"can't be read \(.*remove .* to start anew"):
            state.load()
    (tmp_path / "s" / "training.json").write_bytes(content)
    with pytest.raises(StoreError, match="can't be read"), opened(tmp_path / "s"):
        pytest.fail("opened")


def test_a_state_that_cannot_be_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "s") as state:
        state.save({"a": torch.zeros(1)}, {"step": 1})

        def full(self: Path, target: Path) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", full)
            with pytest.raises(FormatError, match="make room"):
                state.save({"a": torch.ones(1)}, {"step": 2})
        found = state.load()
        assert found is not None
        assert found[1] == {"step": 1}
        assert sorted(p.name for p in (tmp_path / "s").iterdir()) == [
            "lock",
            "state.safetensors",
            "training.json",
        ]
