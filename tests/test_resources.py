from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from evolve import resources
from evolve.errors import InfrastructureError


@pytest.mark.parametrize("name", get_args(resources.Folder))
def test_the_folders_of_this_installation(name):
    folder = resources.folder(name)
    assert folder.is_absolute()
    assert list(folder.glob("*.py"))


@pytest.fixture
def installation(tmp_path, monkeypatch) -> Path:
    """An installation elsewhere: the package is tmp_path/site/evolve."""
    package = tmp_path / "site" / "evolve"
    package.mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", package)
    return package


def test_a_wheel_carries_them_inside_of_the_package(installation):
    inside = installation / "_resources" / "seeds"
    inside.mkdir(parents=True)
    assert resources.folder("seeds") == inside


def test_a_checkout_has_them_beside_the_package(installation):
    beside = installation.parent / "seeds"
    beside.mkdir()
    assert resources.folder("seeds") == beside


def test_what_the_wheel_carries_comes_first(installation):
    """A folder called seeds in site-packages is somebody else's."""
    (installation.parent / "seeds").mkdir()
    inside = installation / "_resources" / "seeds"
    inside.mkdir(parents=True)
    assert resources.folder("seeds") == inside


def test_a_file_is_no_folder(installation):
    (installation.parent / "seeds").write_text("")
    with pytest.raises(InfrastructureError):
        resources.folder("seeds")


def test_a_broken_installation_says_where_it_looked(installation):
    with pytest.raises(InfrastructureError) as caught:
        resources.folder("sandbox")
    assert str(installation / "_resources" / "sandbox") in caught.value.message
    assert str(installation.parent / "sandbox") in caught.value.message
    assert caught.value.remedy == "Install the package again."
