"""One file over HTTP: what is asked for, what is kept, and what is said when it goes wrong."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from evolve.data.download import Downloader
from evolve.errors import InfrastructureError, UsageError
from tests.data.conftest import FileServer

CONTENT = random.Random(0).randbytes(300_000)


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def downloader(waits: list[float]) -> Downloader:
    return Downloader(sleep=waits.append)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "file.part"


def test_a_file_comes_whole_and_in_one_request(
    served: FileServer, downloader: Downloader, part: Path
) -> None:
    served.files["/f"] = CONTENT
    seen: list[tuple[int, int]] = []
    Downloader(progress=lambda _, done, total: seen.append((done, total))).download(f"{served.url}/f", part)
    assert part.read_bytes() == CONTENT
    assert served.asked == [("/f", "")]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert list(part.parent.iterdir()) == [part]


def test_what_breaks_off_is_gone_on_with(
    served: FileServer, downloader: Downloader, part: Path, waits: list[float]
) -> None:
    served.files["/f"] = CONTENT
    served.cut = [100_000, 50_000]
    downloader.download(f"{served.url}/f", part)
    assert part.read_bytes() == CONTENT
    assert [range for _, range in served.asked] == ["", "bytes=100000-", "bytes=150000-"]
    assert waits == [2.0, 4.0]


def test_the_next_call_goes_on_after_too_many_breaks(
    served: FileServer, downloader: Downloader, part: Path
) -> None:
    served.files["/f"] = CONTENT
    served.cut = [10_000] * 4
    with pytest.raises(InfrastructureError, match=r"40000 of 300000 bytes.*40000 bytes are kept: rerun the"):
        downloader.download(f"{served.url}/f", part)
    downloader.download(f"{served.url}/f", part)
    assert part.read_bytes() == CONTENT
    assert served.asked[-1] == ("/f", "bytes=40000-")


def test_a_file_that_changed_in_between_is_not_mixed(
    served: FileServer, downloader: Downloader, part: Path
) -> None:
    served.files["/f"] = CONTENT
    served.cut = [10_000] * 4
    with pytest.raises(InfrastructureError):
        downloader.download(f"{served.url}/f", part)
    served.files["/f"], served.tag = CONTENT[::-1], '"v2"'
    downloader.download(f"{served.url}/f", part)
    assert part.read_bytes() == CONTENT[::-1]


def test_without_the_servers_word_it_begins_again(
    served: FileServer, downloader: Downloader, part: Path
) -> None:
    served.files["/f"], served.tag = CONTENT, ""
    part.write_bytes(b"of something else")
    downloader.download(f"{served.url}/f", part)
    assert part.read_bytes() == CONTENT
    assert served.asked == [("/f", "")]


def test_with_a_checksum_to_tell_it_goes_on_without_the_servers_word(
    served: FileServer, downloader: Downloader, part: Path
) -> None:
    served.files["/f"], served.tag = CONTENT, ""
    part.write_bytes(CONTENT[:1000])
    downloader.download(f"{served.url}/f", part, may_mix=True)
    assert part.read_bytes() == CONTENT
    assert served.asked == [("/f", "bytes=1000-")]


def test_a_server_without_ranges_sends_all_again(
    served: FileServer, downloader: Downloader, part: Path
) -> None:
    served.files["/f"], served.ranges, served.cut = CONTENT, False, [10_000]
    downloader.download(f"{served.url}/f", part)
    assert part.read_bytes() == CONTENT


def test_a_part_that_is_whole_is_taken_as_it_is(
    served: FileServer, downloader: Downloader, part: Path
) -> None:
    served.files["/f"] = CONTENT
    part.write_bytes(CONTENT)
    downloader.download(f"{served.url}/f", part, may_mix=True)
    assert part.read_bytes() == CONTENT


def test_a_part_that_is_longer_than_the_file_is_thrown_away(
    served: FileServer, downloader: Downloader, part: Path
) -> None:
    served.files["/f"] = CONTENT
    part.write_bytes(CONTENT + b"!")
    downloader.download(f"{served.url}/f", part, may_mix=True)
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_passing_fault_is_tried_again(
    served: FileServer, downloader: Downloader, part: Path, status: int
) -> None:
    served.files["/f"], served.statuses = CONTENT, [status]
    downloader.download(f"{served.url}/f", part)
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_said_at_once(
    served: FileServer, downloader: Downloader, part: Path, waits: list[float], status: int
) -> None:
    served.statuses = [status]
    with pytest.raises(UsageError, match=rf"answered {status} .*by other means.*--data-dir"):
        downloader.download(f"{served.url}/f", part)
    assert (waits, part.exists()) == ([], False)


def test_redirects_are_followed(served: FileServer, downloader: Downloader, part: Path) -> None:
    served.files["/there"], served.redirects = CONTENT, {"/here": "/there"}
    downloader.download(f"{served.url}/here", part)
    assert part.read_bytes() == CONTENT


def test_another_size_is_refused_before_it_comes(
    served: FileServer, downloader: Downloader, part: Path
) -> None:
    served.files["/f"] = CONTENT
    with pytest.raises(UsageError, match=r"has 300000 bytes; expected 5\. The source has changed"):
        downloader.download(f"{served.url}/f", part, expected_size=5)
    assert not part.exists()


def test_nobody_there(downloader: Downloader, part: Path) -> None:
    with pytest.raises(
        InfrastructureError, match=r"not be fetched in 4 attempts.*Nothing has come: look whether"
    ):
        downloader.download("http://127.0.0.1:9/f", part)


@pytest.mark.parametrize(("expected", "said"), [(5, "more than 5 bytes"), (10**6, "sent 300000 bytes")])
def test_the_size_counts_also_where_the_source_announces_none(
    served: FileServer, downloader: Downloader, part: Path, expected: int, said: str
) -> None:
    served.files["/f"] = CONTENT
    served.announced = False
    with pytest.raises(UsageError, match=said):
        downloader.download(f"{served.url}/f", part, expected_size=expected)
    assert not part.exists()


def test_what_has_no_known_size_is_bounded_too(
    served: FileServer, downloader: Downloader, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.files["/f"] = CONTENT
    served.announced = False
    monkeypatch.setattr("evolve.data.download.MAX_BYTES", 1000)
    with pytest.raises(UsageError, match="more than 1000 bytes"):
        downloader.download(f"{served.url}/f", part)
