from __future__ import annotations

import pytest
from pydantic import BaseModel
from pytestqt.qtbot import QtBot

from napari_bayesseg.gui.train.settings_form import TrainingSettingsForm
from napari_bayesseg.gui.train.training_fields import (
    CHOSEN_ELSEWHERE,
    FIELDS,
    GROUPS,
    field_of,
    value_of,
)
from napari_bayesseg.networks.methods import METHODS, Method
from napari_bayesseg.training.settings import TrainingSettings
from napari_bayesseg.training.suggest import suggest_settings

pytestmark = pytest.mark.viewer

SHAPE, SPACING = (1, 90, 120), (1.0, 1.0, 1.0)


@pytest.fixture
def form(qtbot: QtBot) -> TrainingSettingsForm:
    form = TrainingSettingsForm()
    qtbot.addWidget(form)
    return form


def settings_of(form: TrainingSettingsForm, method: Method = "bcnn") -> TrainingSettings:
    return suggest_settings([SHAPE], [SPACING], method, **form.chosen())


def test_every_setting_has_its_widget_or_its_place() -> None:
    names = set(CHOSEN_ELSEWHERE)
    for name, field in TrainingSettings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names |= {f"{name}.{leaf}" for leaf in kind.model_fields}
        elif name not in CHOSEN_ELSEWHERE:
            names.add(name)
    assert {*FIELDS, *CHOSEN_ELSEWHERE} == names
    assert {field.group for field in FIELDS.values()} == {"", *GROUPS}
    for name in FIELDS:
        assert field_of(name).description


def test_an_untouched_form_follows_what_suits_the_scans(form: TrainingSettingsForm) -> None:
    assert form.chosen() == {}
    form.propose(settings_of(form))
    assert form.chosen() == {}
    assert form.editor("pooling").value == "1, 2, 2"
    form.editor("pooling").value = "1, 4, 4"
    form.propose(suggest_settings([(64, 64, 64)], [SPACING], "bcnn"))
    assert form.editor("pooling").value == "1, 4, 4"
    assert form.editor("kernel_size").value == "3, 3, 3"
    assert form.chosen() == {"pooling": (1, 4, 4)}
    form.reset.click()
    assert form.chosen() == {}


CHANGES = {
    "steps": 77,
    "device": "cpu",
    "channels": "4, 8, 12",
    "learning_rate": "0.0012345678901",
    "final_learning_rate": "0.5",
    "patience": "3",
    "augmentation.flip": False,
    "augmentation.rotate": "15",
    "data.axes": "ZYX",
    "mean_teacher.num_samples": 4,
    "heteroscedastic.loss": "distortion",
}


@pytest.mark.parametrize("method", METHODS)
def test_what_is_typed_is_what_is_trained_with(form: TrainingSettingsForm, method: Method) -> None:
    form.set_method(method)
    for name, value in CHANGES.items():
        form.editor(name).value = value
    settings = settings_of(form, method)
    assert (settings.steps, settings.channels) == (77, (4, 8, 12))
    assert (settings.learning_rate, settings.patience) == (0.0012345678901, 3)
    assert settings.augmentation.rotate == 15.0
    assert not settings.augmentation.flip
    assert settings.augmentation.transpose
    assert settings.data.axes == "ZYX"
    # Of the methods, only the chosen one's settings count.
    assert settings.mean_teacher.num_samples == (4 if method == "ua-mt" else 8)
    is_distorted = settings.heteroscedastic.loss == "distortion"
    assert is_distorted == (method == "heteroscedastic")
    before = form.chosen()
    form.propose(settings)
    assert form.chosen() == before
    for name in FIELDS:
        assert form.editor(name).value is not None
        value_of(settings, name)


def test_an_emptied_line_follows_the_scans_again(form: TrainingSettingsForm) -> None:
    form.editor("patch_shape").value = "1, 8, 8"
    form.editor("patch_shape").value = ""
    assert form.chosen() == {}


def test_what_cannot_be_is_refused_in_words(form: TrainingSettingsForm) -> None:
    form.editor("learning_rate").value = "fast"
    with pytest.raises(ValueError, match="learning_rate"):
        settings_of(form)


def test_only_what_counts_for_the_method_is_shown(form: TrainingSettingsForm) -> None:
    form.show()
    form.more.set_open(True)
    for group in ("Method", "Files"):
        form._groups[group].set_open(True)
    for method in METHODS:
        form.set_method(method)
        for name, field in FIELDS.items():
            if field.methods:
                shown = form.editor(name).native.isVisible()
                assert shown == (method in field.methods), (method, name)
    form.show_files(False)
    assert not form.editor("data.axes").native.isVisible()
    form.show_files(True)
    assert form.editor("data.axes").native.isVisible()


def test_choices_are_told_and_proposals_are_not(form: TrainingSettingsForm, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(form.changed):
        form.propose(settings_of(form))
    with qtbot.waitSignal(form.changed, timeout=1000):
        form.editor("steps").value = 9
