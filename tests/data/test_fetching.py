"""The files of a benchmark: all or nothing under their final names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from evolve.data.download import Downloader
from evolve.data.fetching import FOLDER, fetch
from evolve.data.files import DataFile, locate
from evolve.data.reading import rows_of
from evolve.errors import InfrastructureError, UsageError
from tests.data.conftest import FileServer

GOOD = json.dumps([{"id": "1", "text": "one"}, {"id": "2", "text": "two"}]).encode()


def verify(folder: Path) -> None:
    """What a loader does: read every record of every file that it needs."""
    for name in ("a.json", "sub/b.json"):
        if (folder / name).exists():
            for row in rows_of(folder / name):
                row.text("id")
                row.text("text")


@pytest.fixture
def get(served: FileServer, tmp_path: Path) -> Callable[..., list[Path]]:
    served.files = {"/a.json": GOOD, "/b.json": GOOD}

    def call(*files: DataFile, again: bool = False) -> list[Path]:
        downloader = Downloader(sleep=lambda _: None)
        return fetch(files or (file(served),), tmp_path / "data", verify, downloader, again=again)

    return call


def file(served: FileServer, name: str = "a.json", **more: object) -> DataFile:
    return DataFile(name, f"{served.url}/{Path(name).name}", **more)  # type: ignore[arg-type]


def left(tmp_path: Path) -> list[str]:
    """Everything in the data folder, what is under way included."""
    data = tmp_path / "data"
    return sorted(str(p.relative_to(data)) for p in data.rglob("*") if p.is_file())


Get = Callable[..., list[Path]]


def test_files_come_under_their_names_and_nothing_else_stays(
    served: FileServer, get: Get, tmp_path: Path
) -> None:
    sha = hashlib.sha256(GOOD).hexdigest()
    fetched = get(file(served, sha256=sha, size=len(GOOD)), file(served, "sub/b.json"))
    assert [path.read_bytes() for path in fetched] == [GOOD, GOOD]
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == ["SHA256SUMS", "a.json", "sub"]


def test_what_is_there_is_left_alone_unless_asked(served: FileServer, get: Get) -> None:
    get()
    assert get() == []
    assert len(served.asked) == 1
    assert len(get(again=True)) == 1


def test_a_file_with_a_wrong_checksum_is_fetched_again(served: FileServer, get: Get, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.json").write_bytes(b"[]")
    sha = hashlib.sha256(GOOD).hexdigest()
    (path,) = get(file(served, sha256=sha))
    assert path.read_bytes() == GOOD


def test_a_wrong_checksum_leaves_nothing(served: FileServer, get: Get, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"wrong checksum: expected sha256 0000.*found [0-9a-f]{64}.*discarded"
    ):
        get(file(served, sha256="0" * 64))
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (GOOD[:-20], r"a\.json is not JSON: line 1"),
        (b'[{"id": "1", "text": "one"},\n {"id": "2"}]', r"a\.json, line 2, record 1 lacks the field 'text'"),
        (b"<html>moved</html>", "expected a list of records, found '<html>"),
        (b"[]", "has no records"),
    ],
)
def test_records_that_are_not_right_leave_nothing(
    served: FileServer, get: Get, tmp_path: Path, content: bytes, said: str
) -> None:
    served.files["/a.json"] = content
    with pytest.raises(UsageError, match=rf"were discarded: .*{said}"):
        get(file(served, "sub/b.json"), file(served))
    assert left(tmp_path) == []


def test_what_broke_off_is_kept_aside_and_gone_on_with(served: FileServer, get: Get, tmp_path: Path) -> None:
    served.cut = [5, 5, 5, 5]
    with pytest.raises(InfrastructureError, match="20 bytes are kept"):
        get()
    assert left(tmp_path) == [f"{FOLDER}/a.json.part", f"{FOLDER}/a.json.part.tag"]
    get()
    assert left(tmp_path) == ["SHA256SUMS", "a.json"]
    assert served.asked[-1] == ("/a.json", "bytes=20-")


def test_a_whole_file_is_not_fetched_again_because_another_failed(
    served: FileServer, get: Get, tmp_path: Path
) -> None:
    del served.files["/b.json"]
    wanted = (file(served), file(served, "sub/b.json"))
    with pytest.raises(UsageError, match="404"):
        get(*wanted)
    assert left(tmp_path) == [f"{FOLDER}/a.json"]
    served.files["/b.json"] = GOOD
    assert len(get(*wanted)) == 2
    assert [path for path, _ in served.asked] == ["/a.json", "/b.json", "/b.json"]
    assert left(tmp_path) == ["SHA256SUMS", "a.json", "sub/b.json"]


def test_new_files_are_verified_together_with_those_that_were_there(
    served: FileServer, get: Get, tmp_path: Path
) -> None:
    (tmp_path / "data" / "sub").mkdir(parents=True)
    (tmp_path / "data" / "sub" / "b.json").write_bytes(b"[3]")
    with pytest.raises(UsageError, match=r"b\.json, line 1, record 0 is 3"):
        get(file(served), file(served, "sub/b.json"))
    assert left(tmp_path) == ["sub/b.json"]


def test_a_folder_that_cannot_be_made(served: FileServer, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(UsageError, match=r"cannot be written.*--data-dir"):
        fetch((file(served),), tmp_path / "data", verify, Downloader())


def test_which_files_are_needed() -> None:
    always = DataFile("a", "http://x/a")
    sometimes = DataFile("b", "http://x/b", needed={"variant": ("s", "m")})
    assert always.is_needed({})
    assert sometimes.is_needed({"variant": "m"})
    assert not sometimes.is_needed({"variant": "oracle"})


def test_a_file_is_located_by_name_pattern_or_packed(tmp_path: Path) -> None:
    (tmp_path / "sample_2.json.xz").touch()
    assert locate(tmp_path, ["full.json", "sample_*.json"], "b").name == "sample_2.json.xz"
    (tmp_path / "full.json").touch()
    assert locate(tmp_path, ["full.json", "sample_*.json"], "b").name == "full.json"
    with pytest.raises(UsageError, match=r"'b' needs x or y.*evolve benchmarks fetch b.*--data-dir.*EVOLVE"):
        locate(tmp_path / "nowhere", ["x", "y"], "b")


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../a.json", "a/../../b", "a//b", ".", "a/.", ".fetching/x", "a\\b", "a\n"]
)
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a data file"):
        DataFile(name, "https://example.org/a")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/a", "a.json"])
def test_only_the_web_is_a_source(url: str) -> None:
    with pytest.raises(UsageError, match="http or https"):
        DataFile("a.json", url)


def test_a_file_without_a_published_checksum_may_not_change(
    served: FileServer, get: Get, tmp_path: Path
) -> None:
    (path,) = get()
    sums = tmp_path / "data" / "SHA256SUMS"
    assert sums.read_text() == f"{hashlib.sha256(GOOD).hexdigest()}  a.json\n"
    assert get(again=True) == [path]
    served.files["/a.json"] = GOOD.replace(b"one", b"eno")
    with pytest.raises(UsageError, match="not the file that was fetched first"):
        get(again=True)
    assert path.read_bytes() == GOOD
    assert left(tmp_path) == ["SHA256SUMS", "a.json"]
    sums.unlink()
    assert get(again=True) == [path]
    sums.write_text("nonsense\n")
    with pytest.raises(UsageError, match="not a checksum"):
        get(again=True)
