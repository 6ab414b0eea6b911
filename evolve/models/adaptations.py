"""Features that servers refuse: found once per model and server, and recorded next to the calls."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from pydantic import Field, ValidationError

from evolve.errors import InfrastructureError
from evolve.models.settings import ModelSettings
from evolve.records import Record

STRUCTURED, SYSTEM, LIMIT, THOUGHTS = "structured output", "system messages", "reply limit", "thoughts"
TOOLS = "calls of tools"
"""Features besides the parameters, which go by their own names."""
LEFT_OUT = "left out"
"""Marker of a feature that is left out; other values replace it."""
IN_TEXT = "commands in the text"
"""Replacement of ``TOOLS``."""
FILE_NAME = "negotiated.jsonl"
"""Name of the file in a run's directory."""
_CONFIRMATIONS = 3

Key = tuple[str, str]


class Adaptation(Record):
    """Feature of requests that a server refuses, and its replacement."""

    at: float = Field(description="when it was found, in seconds since 1970")
    model: str
    endpoint: str = Field(description="address of the server; empty for the provider's own")
    feature: str = Field(description="a parameter's name, or one of the constants of this module")
    use: str = Field(description="what is done instead")
    reason: str = Field(default="", description="the server's message, whole")

    @property
    def told(self) -> str:
        """A sentence for the user.

        >>> Adaptation(at=0, model="openai/m", endpoint="", feature="temperature", use="left out").told
        'openai/m does not take temperature: left out from now on.'
        """
        where = f" at {self.endpoint}" if self.endpoint else ""
        said = f" It said: {self.reason}" if self.reason else ""
        if self.feature == THOUGHTS:
            return f"{self.model}{where} thinks before it answers: {self.use} from now on.{said}"
        verb = "left out" if self.use == LEFT_OUT else f"replaced by {self.use}"
        return f"{self.model}{where} does not take {self.feature}: {verb} from now on.{said}"


class AdaptationLog(Protocol):
    """Record of adaptations that outlives the process."""

    def past(self) -> Iterable[Adaptation]:
        """Return the earlier adaptations."""
        ...

    def append(self, adaptation: Adaptation) -> None:
        """Record one. Raises ``InfrastructureError`` if that fails."""
        ...


class AdaptationFile:
    """An ``AdaptationLog`` in a file of JSON lines, made when there is something to record.

    An unreadable line is skipped: its adaptation is found out again. Delete the file after the server was
    replaced by one that can do more.

    Args:
        path: path of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def past(self) -> list[Adaptation]:
        """Return the adaptations in the file."""
        found: list[Adaptation] = []
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return found
        for line in lines:
            try:
                found.append(Adaptation.model_validate_json(line))
            except ValidationError:
                continue
        return found

    def append(self, adaptation: Adaptation) -> None:
        """Append ``adaptation`` to the file."""
        line = adaptation.model_dump_json().encode() + b"\n"
        try:
            with self._path.open("ab") as file:
                if file.tell() and not self._path.read_bytes().endswith(b"\n"):
                    line = b"\n" + line  # after a line that a killed process left without its end
                file.write(line)
        except OSError as error:
            raise InfrastructureError(
                f"{self._path}, the record of what servers refuse, could not be written: {error}.",
                remedy="Fix the cause and rerun the command: finished work is kept.",
            ) from error


class Adaptations:
    """Adaptations to the servers of one gateway, shared by its roles. Thread-safe.

    Args:
        log: record that outlives the process; None to keep none.
        notify: called with a sentence on each adaptation.
        now: clock, in seconds since 1970.
    """

    def __init__(
        self,
        log: AdaptationLog | None = None,
        *,
        notify: Callable[[str], None] = lambda _: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._log = log
        self._notify = notify
        self._now = now
        self._guard = threading.Lock()
        self._uses: dict[Key, dict[str, str]] = {}
        self._proved: dict[Key, set[str]] = {}
        self._suspected: Counter[tuple[Key, str, str]] = Counter()
        for one in log.past() if log is not None else ():
            self._uses.setdefault((one.model, one.endpoint), {})[one.feature] = one.use

    def of(self, settings: ModelSettings) -> Mapping[str, str]:
        """Return feature → replacement, for a model at its server; a copy."""
        with self._guard:
            return dict(self._uses.get(_key(settings), {}))

    def has_worked(self, settings: ModelSettings, feature: str) -> bool:
        """Return whether the server has taken ``feature`` in this process."""
        with self._guard:
            return feature in self._proved.get(_key(settings), ())

    def worked(self, settings: ModelSettings, features: Iterable[str]) -> None:
        """Remember that a request with ``features`` was answered."""
        with self._guard:
            self._proved.setdefault(_key(settings), set()).update(features)

    def learn(
        self, settings: ModelSettings, feature: str, use: str, reason: str, *, quiet: bool = False
    ) -> None:
        """Remember, record and report that ``use`` replaces ``feature``; do nothing if that is known."""
        key = _key(settings)
        with self._guard:
            uses = self._uses.setdefault(key, {})
            if uses.get(feature) == use:
                return
            uses[feature] = use
        one = Adaptation(
            at=self._now(), model=key[0], endpoint=key[1], feature=feature, use=use, reason=reason
        )
        if self._log is not None:
            self._log.append(one)
        if not quiet:
            self._notify(one.told)

    def suspect(self, settings: ModelSettings, feature: str, use: str, reason: str) -> None:
        """Count a call that was answered with ``use`` and not before, without a stated reason.

        It may have been an outage that ended: so it is learned at the third such call, unless ``feature`` has
        worked meanwhile.
        """
        key = _key(settings)
        with self._guard:
            if feature in self._proved.get(key, ()):
                return
            self._suspected[key, feature, use] += 1
            sure = self._suspected[key, feature, use] >= _CONFIRMATIONS
        if sure:
            self.learn(settings, feature, use, reason)


def _key(settings: ModelSettings) -> Key:
    return settings.model, settings.api_base or ""
