"""Download of one file over HTTP into a ``.part`` file, which a later attempt resumes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from evolve.errors import InfrastructureError, UsageError

if TYPE_CHECKING:
    import httpx

ATTEMPTS = 4
TIMEOUT = 30.0
"""Seconds without a byte until a connection counts as broken."""
MAX_BYTES = 32 * 2**30
"""The most that a source may send of a file whose size is not known."""
Progress = Callable[[str, int, int], None]
"""``(url, bytes so far, bytes in all or 0)``"""


class _Broken(Exception):
    """Transfer that stopped in the middle; received data are kept."""


class _TooLong(Exception):
    """Transfer with more bytes than expected."""


class Downloader:
    """Downloader of files, which resumes broken transfers.

    Args:
        progress: told as bytes come.
        attempts: how often a broken transfer is taken up again.
        sleep: waits for so many seconds between attempts.
    """

    def __init__(
        self,
        progress: Progress | None = None,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._progress = progress or (lambda *_: None)
        self._attempts = attempts
        self._sleep = sleep

    def download(self, url: str, part: Path, *, expected_size: int = 0, may_mix: bool = False) -> None:
        """Download all of ``url`` into ``part``.

        Bytes that are there from before are kept if the server says that its file is still the same one (by
        the ETag or date that is stored next to ``part``), or if ``may_mix``: a checksum will tell.

        Args:
            url: http or https; redirects are followed.
            part: where the bytes go, and where those of a broken attempt are.
            expected_size: in bytes, 0 where not known.
            may_mix: resume also without the server's word.

        Raises:
            UsageError: there is no such file at the source, or it is not of the expected size.
            InfrastructureError: the source cannot be reached, or broke off in every attempt; ``part`` stays.
        """
        problem = ""
        for attempt in range(self._attempts):
            if attempt:
                self._sleep(2.0**attempt)
            try:
                self._attempt(url, part, expected_size, may_mix)
                _check_size(url, part, expected_size)
                _tag(part).unlink(missing_ok=True)
                return
            except _Broken as broken:
                problem = str(broken)
        kept = part.stat().st_size if part.is_file() else 0
        state = (
            f"{kept} bytes are kept: rerun the command to resume"
            if kept
            else "Nothing has come: look whether this machine reaches the source and try again"
        )
        raise InfrastructureError(
            f"{url} could not be fetched in {self._attempts} attempts: {problem}.",
            remedy=f"{state}, or fetch the file by other means and say where it is with --data-dir.",
        )

    def _attempt(self, url: str, part: Path, expected_size: int, may_mix: bool) -> None:
        have, tag = _resumable(part, may_mix)
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if tag and not tag.startswith("W/"):
                headers["If-Range"] = tag
        with _response(url, headers) as response:
            if response.status_code == 416:  # nothing is left to send, or the part is of another file
                if have == _total(response):
                    return
                part.unlink()
                raise _Broken("the source has another file now")
            _check(url, response)
            resumed = response.status_code == 206
            if resumed and _start(response) != have:
                part.unlink()
                raise _Broken("the source sent another range than was asked for")
            done = have if resumed else 0
            total = _total(response) if resumed else int(response.headers.get("Content-Length", 0))
            if expected_size and total and total != expected_size:
                raise UsageError(
                    f"{url} has {total} bytes; expected {expected_size}. The source has changed: nothing was "
                    "fetched."
                )
            _tag(part).write_text(_validator(response), encoding="ascii", errors="ignore")
            self._copy(url, response, part, done, total, expected_size or MAX_BYTES)

    def _copy(self, url: str, response: httpx.Response, part: Path, done: int, total: int, most: int) -> None:
        """Append received data to ``part``, at most ``most`` bytes in all, whatever the source announced."""
        import httpx

        try:
            with part.open("ab" if done else "wb") as file:
                for chunk in response.iter_raw():  # as they come: what is buffered is lost when it breaks
                    done += len(chunk)
                    if done > most:
                        raise _TooLong
                    file.write(chunk)
                    self._progress(url, done, total)
        except _TooLong:
            part.unlink()
            raise UsageError(
                f"{url} sends more than {most} bytes, which were expected at most: nothing of it was kept."
            ) from None
        except httpx.TransportError as error:
            raise _Broken(f"after {done} of {total or 'an unknown number of'} bytes: {error}") from error
        except OSError as error:
            raise InfrastructureError(
                f"{part} could not be written: {error.strerror}.",
                remedy="Free disk space and rerun the command.",
            ) from error
        if total and done != total:
            raise _Broken(f"after {done} of {total} bytes the source said that this was all")


def _check_size(url: str, part: Path, expected: int) -> None:
    found = part.stat().st_size
    if expected and found != expected:
        part.unlink()
        raise UsageError(
            f"{url} sent {found} bytes; expected {expected}. It was discarded. Fetch it again; if it "
            "happens again, the source has changed."
        )


@contextmanager
def _response(url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
    """The response to a GET, its body not read yet; _Broken if there is none."""
    import httpx  # 60 ms, and only this command needs it

    try:
        with (
            httpx.Client(follow_redirects=True, timeout=TIMEOUT) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            yield response
    except (httpx.TransportError, httpx.TooManyRedirects) as error:
        raise _Broken(f"{error or type(error).__name__}") from error


def _check(url: str, response: httpx.Response) -> None:
    status = response.status_code
    if status in (200, 206):
        return
    if status in (408, 425, 429) or status >= 500:
        raise _Broken(f"the source answered {status} {response.reason_phrase}")
    raise UsageError(
        f"{url} answered {status} {response.reason_phrase}; expected the file. Check whether it has moved or "
        "asks for a login; fetch it by other means and say where it is with --data-dir."
    )


def _resumable(part: Path, may_mix: bool) -> tuple[int, str]:
    """Return the number of bytes to resume from, and the tag that tells whether the source's file is
    unchanged.
    """
    if not part.is_file():
        return 0, ""
    tag = _tag(part).read_text(encoding="ascii").strip() if _tag(part).is_file() else ""
    return (part.stat().st_size, tag) if may_mix or (tag and not tag.startswith("W/")) else (0, "")


def _tag(part: Path) -> Path:
    return part.with_name(part.name + ".tag")


def _validator(response: httpx.Response) -> str:
    return response.headers.get("ETag") or response.headers.get("Last-Modified") or ""


def _start(response: httpx.Response) -> int:
    """The first byte of a 206, -1 if it is not said."""
    given = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(given) if given.isdigit() else -1


def _total(response: httpx.Response) -> int:
    """The size of the whole file by a Content-Range, 0 if it is not said."""
    given = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(given) if given.isdigit() else 0
