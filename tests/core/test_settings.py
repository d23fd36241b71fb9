from __future__ import annotations

import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.settings import InferenceSettings, parse_bytes


@pytest.mark.parametrize(
    ("text", "count"),
    [("4GB", 4 * 10**9), ("512 MiB", 2**29), ("1.5kb", 1500), ("7", 7), (12, 12)],
)
def test_amounts_of_memory_are_read(text: str | int, count: int) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("num_samples", 0, "num_samples.*greater than or equal to 1.*got 0"),
        ("num_samples", -3, "num_samples.*got -3"),
        ("seed", -1, "seed"),
        ("memory", "lots", "memory.*4GB.*got 'lots'"),
        ("device", "tpu", "device.*cpu.*got tpu"),
        ("percentiles", (80.0, 20.0), "rising"),
        ("block_shape", "8,0,8", "positive"),
        ("block_shape", "8,8", "block_shape"),
        ("colour", "red", "colour"),
        ("precision", "float16", "precision.*bfloat16.*got float16"),
        ("store_dtype", "int8", "store_dtype.*uint8"),
        ("skip_below", float("nan"), "skip_below.*finite"),
        ("workers", 0, "workers.*got 0"),
    ],
)
def test_each_bad_setting_is_named_in_one_line(name: str, value: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        InferenceSettings.checked(**{name: value})
    assert "\n" not in str(caught.value)


def test_settings_survive_their_own_json() -> None:
    settings = InferenceSettings.checked(block_shape="8,16,24", memory="2GB", roi="0:8,0:8,0:8")
    again = InferenceSettings.checked(**settings.model_dump(mode="json"))
    assert again == settings
    assert settings.block_shape == (8, 16, 24)


def test_workers_and_a_scheduler_exclude_each_other() -> None:
    with pytest.raises(SettingsError, match=r"workers.*scheduler.*exclude.*got 2 and tcp://h:1"):
        InferenceSettings.checked(workers=2, scheduler="tcp://h:1")
    assert InferenceSettings.checked(scheduler="tcp://h:1").workers is None


def test_only_deviations_from_the_defaults_are_told() -> None:
    assert InferenceSettings().deviations == {}
    chosen = InferenceSettings.checked(
        precision="bfloat16", store_dtype="uint8", skip_below=0, workers=3
    )
    assert chosen.deviations == {
        "precision": "bfloat16",
        "store_dtype": "uint8",
        "skip_below": 0.0,
    }
