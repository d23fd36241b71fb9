from __future__ import annotations

from pathlib import Path

import pytest

from napari_bayesseg.cli.options import block_shape_of, default, split_names
from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.settings import InferenceSettings
from tests.cli.conftest import Run


def test_defaults_are_those_of_the_settings() -> None:
    assert default("num_samples") == InferenceSettings().num_samples


@pytest.mark.parametrize(
    ("text", "names"), [(None, ()), ("", ()), ("a", ("a",)), (" a , b,, ", ("a", "b"))]
)
def test_names_are_split_at_commas(text: str | None, names: tuple[str, ...]) -> None:
    assert split_names(text) == names


def test_block_shapes() -> None:
    assert block_shape_of(None) is None
    assert block_shape_of("8, 16,24") == (8, 16, 24)
    with pytest.raises(SettingsError, match="three whole numbers"):
        block_shape_of("8,16,2.5")


def test_a_measure_that_is_named_twice_is_stored_once(
    run: Run, places: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "r.zarr"
    command = ["predict", places["scan"], "--model", places["bcnn"], "--num-samples", 2]
    named = "mutual_information,predictive_entropy,mutual_information"
    code, text, _ = run(*command, "--measures", named, "--out", out)
    assert code == 0
    assert "measures: mutual_information, predictive_entropy\n" in text
