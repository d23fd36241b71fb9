from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.gui.predict.form import COMMAND_LINE_ONLY, FIELDS, SettingsForm
from napari_bayesseg.numerics.uncertainty import MEASURES

pytestmark = pytest.mark.viewer


@pytest.fixture
def form(qtbot: QtBot) -> SettingsForm:
    form = SettingsForm()
    qtbot.addWidget(form)
    return form


def test_every_field_of_the_settings_has_its_widget_or_its_place() -> None:
    assert {*FIELDS, *COMMAND_LINE_ONLY, "roi"} == set(InferenceSettings.model_fields)
    assert COMMAND_LINE_ONLY == ("skip_outside", "workers", "scheduler")


def test_an_untouched_form_gives_the_default_settings(form: SettingsForm) -> None:
    assert form.settings() == InferenceSettings()


@pytest.mark.parametrize(
    "settings",
    [
        InferenceSettings(num_samples=1, seed=2**63 - 1, memory=500_000_000, device="cpu"),
        InferenceSettings(block_shape=(8, 16, 24), percentiles=(5.0, 95.0)),
        InferenceSettings(measures=("mutual_information", "expected_error")),
        InferenceSettings(precision="bfloat16", store_dtype="uint8", skip_below=-0.1),
    ],
)
def test_settings_survive_the_form(form: SettingsForm, settings: InferenceSettings) -> None:
    form.set_settings(settings)
    assert form.settings() == settings
    assert form.settings("0:4,0:8,0:8").roi == "0:4,0:8,0:8"
    form.set_settings(InferenceSettings())
    assert form.settings() == InferenceSettings()


def test_each_widget_tells_what_its_field_is(form: SettingsForm) -> None:
    for name in FIELDS:
        described = InferenceSettings.model_fields[name].description or ""
        assert form.editor(name).tooltip[:10] == described[:10]
    ticks = list(form.editor("measures"))
    assert [tick.name for tick in ticks] == list(MEASURES)
    assert all(MEASURES[tick.name].unit in tick.tooltip for tick in ticks)


def test_memory_is_in_gigabytes(form: SettingsForm) -> None:
    form.editor("memory").value = 1.5
    assert form.settings().memory == 1_500_000_000


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("block_shape", "8, 16", "block_shape"),
        ("block_shape", "8, 0, 16", "positive"),
        ("block_shape", "many", "block_shape"),
        ("percentiles", (80.0, 20.0), "rising"),
        ("skip_below", "dark", "skip_below"),
        ("skip_below", "nan", "skip_below"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    form: SettingsForm, name: str, value: object, said: str
) -> None:
    if isinstance(value, tuple):
        for box, number in zip(form.editor(name), value, strict=True):
            box.value = number
    else:
        form.editor(name).value = value
    with pytest.raises(SettingsError, match=said):
        form.settings()


def test_no_measure_at_all_is_refused(form: SettingsForm) -> None:
    for tick in form.editor("measures"):
        tick.value = False
    with pytest.raises(SettingsError, match="at least one"):
        form.settings()


def test_every_change_is_told(form: SettingsForm, qtbot: QtBot) -> None:
    with qtbot.waitSignal(form.changed, timeout=1000):
        form.editor("num_samples").value = 5
    with qtbot.waitSignal(form.changed, timeout=1000):
        next(iter(form.editor("measures"))).value = False


def test_what_is_for_the_advanced_is_folded_away(form: SettingsForm) -> None:
    form.show()
    for name, field in FIELDS.items():
        assert form.editor(name).native.isVisible() != field.is_advanced
    form.advanced.heading.click()
    assert all(form.editor(name).native.isVisible() for name in FIELDS)
    form.advanced.heading.click()
    assert not form.editor("seed").native.isVisible()
