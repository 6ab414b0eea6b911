"""Requests of a user to a campaign: any process may write them, the campaign's process carries them out.

They are lines of ``requests.jsonl`` in the run directory. The process that runs the campaign reads them
between two candidates and records in the journal what it did, and from which candidate on; a request that is
not in the journal has not been carried out yet.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field, TypeAdapter

from evolve.errors import UsageError
from evolve.events import Action, Steered
from evolve.files.durable import Write, said_as_ours
from evolve.journal.lines import LineFormat, LineLog, read_lines
from evolve.records import Record

FILE = "requests.jsonl"
LONGEST_HINT = 2_000
"""Most characters of a hint: it is shown in every prompt."""


def _new_id() -> str:
    return secrets.token_hex(4)


class SteeringRequest(Record):
    """A request of a user to a campaign.

    Example:
        >>> SteeringRequest(id="1f", action="hint", text="Prefer recent facts.").action
        'hint'
    """

    id: str = Field(default_factory=_new_id, description="unique in the run")
    action: Action
    text: str = Field(default="", description="the hint, or the message of a program")
    source: str = Field(default="", description="of the program to add")
    parents: tuple[int, ...] = Field(default=(), description="of the program to add, where one is named")
    hint: str = Field(default="", description="id of the hint to withdraw")


_FORM: LineFormat[SteeringRequest] = LineFormat(
    TypeAdapter(SteeringRequest), "a request", "delete it: requests that were carried out are in the journal"
)


def append_request(run: Path, request: SteeringRequest, write: Write = os.write) -> None:
    """Append ``request`` to the file of the run directory ``run``; on disk when this returns.

    Several processes may do so at once.

    Args:
        run: the run directory.
        request: the request.
        write: ``os.write``, or its stand-in.

    Raises:
        UsageError: the file is damaged or a symbolic link.
        InfrastructureError: it could not be written.
    """
    path = run / FILE
    if path.is_symlink():
        raise UsageError(f"Expected a file at {path}, found a symbolic link. Remove it.")
    with said_as_ours(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        log = LineLog(path, _FORM, write)
        try:
            log.append(request)
        finally:
            log.close()
    finally:
        os.close(descriptor)  # releases the lock


class RequestReader:
    """Reader of the requests of a run, which reads the file only when it has grown.

    Args:
        run: the run directory.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> reader = RequestReader(folder)
        >>> append_request(folder, SteeringRequest(action="pause"))
        >>> [request.action for request in reader.read()], reader.read()
        (['pause'], [])
    """

    def __init__(self, run: Path) -> None:
        self._path = run / FILE
        self._size = 0
        self._count = 0

    def read(self) -> list[SteeringRequest]:
        """Return the requests that came since the last call, in their order.

        Raises:
            UsageError: the file is damaged or a symbolic link.
        """
        try:
            size = self._path.lstat().st_size
        except FileNotFoundError:
            return []
        if size == self._size:
            return []
        requests, self._size = read_lines(self._path, _FORM)
        new = requests[self._count :]
        self._count = len(requests)
        return new


def checked_hint(text: str) -> str:
    """Return ``text`` without surrounding blanks.

    Raises:
        UsageError: it is empty, or longer than every prompt has room for.

    Example:
        >>> checked_hint(" Prefer recent facts. ")
        'Prefer recent facts.'
    """
    stripped = text.strip()
    if not stripped:
        raise UsageError("Expected the text of a hint, found nothing. Say what candidates should try.")
    if len(stripped) > LONGEST_HINT:
        raise UsageError(
            f"Expected a hint of at most {LONGEST_HINT:,} characters, found {len(stripped):,}. Shorten it: "
            "it is shown in every prompt."
        )
    return stripped


Reader = Callable[[], list[SteeringRequest]]
"""Source of new requests; ``RequestReader.read``, or its stand-in."""


@dataclass
class CarriedOutRequests:
    """Requests of users that were carried out, folded from their events.

    Attributes:
        events: all of them, in order.
        added: number → the request by which a user added the program of that number.
        paused: the process was asked to begin no candidate, and waits.
    """

    events: list[Steered] = field(default_factory=list)
    added: dict[int, Steered] = field(default_factory=dict)
    paused: bool = False

    def add(self, event: Steered) -> None:
        """Apply the next event."""
        self.events.append(event)
        if event.action in ("pause", "resume", "stop"):
            self.paused = event.action == "pause"
        if event.action == "add":
            self.added[event.number] = event

    def hints(self, number: int | None = None) -> tuple[Steered, ...]:
        """Return the hints that candidate ``number`` is made with; None: those in force now."""

        def holds(event: Steered) -> bool:
            return number is None or event.number <= number

        withdrawn = {e.hint for e in self.events if e.action == "withdraw" and holds(e)}
        return tuple(e for e in self.events if e.action == "hint" and holds(e) and e.request not in withdrawn)
