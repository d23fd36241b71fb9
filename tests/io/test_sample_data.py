from pathlib import Path

import pytest

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.io import sample_data


def test_a_checkout_has_it_beside_src() -> None:
    folder = sample_data.sample_folder()
    assert folder == Path(__file__).resolve().parents[2] / "sample_data"
    for name in (sample_data.ELECTRODE_CT, sample_data.ELECTRODE_LABELS):
        assert (folder / name).is_file()


def test_the_installed_package_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "napari_bayesseg"
    for folder in (package / "sample_data", package.parents[1] / "sample_data"):
        folder.mkdir(parents=True)
        (folder / sample_data.ELECTRODE_CT).touch()
    monkeypatch.setattr(sample_data, "files", lambda _: package)
    assert sample_data.sample_folder() == package / "sample_data"


def test_without_it_the_error_names_both_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "src" / "napari_bayesseg"
    monkeypatch.setattr(sample_data, "files", lambda _: package)
    with pytest.raises(FormatError) as caught:
        sample_data.sample_folder()
    assert str(package / "sample_data") in str(caught.value)
    assert str(tmp_path / "sample_data") in str(caught.value)
