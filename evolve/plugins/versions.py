"""Versions of a deployed plug-in: swap its program for another, and back.

improvements.jsonl      what was decided and why, append-only; no text of the memory is in it
.versions/NUMBER/       files of a version: program, manifest, weights
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter

from evolve.errors import UsageError
from evolve.files.durable import TEMPORARY, replace_file, said_as_ours, sync_folder
from evolve.files.inside import read_below, refuse_links
from evolve.journal.lines import LineFormat, LineLog, read_lines, to_line
from evolve.plugins.find import find_module
from evolve.plugins.manifest import MANIFEST, PROGRAM, WEIGHTS
from evolve.records import Interval, Record
from evolve.text import words

IMPROVEMENTS, VERSIONS = "improvements.jsonl", ".versions"
_FILES = (PROGRAM, WEIGHTS, MANIFEST)


class Decision(Record):
    """Line of ``improvements.jsonl``.

    Example:
        >>> Decision(at="2026-05-01", action="kept", deployed="a1", version=0, reason="no better one").action
        'kept'
    """

    at: str
    action: Literal["swapped", "kept", "rolled back"]
    deployed: str = Field(description="id of the program that was deployed")
    candidate: str = Field(default="", description="id of the program that was compared with it")
    version: int = Field(description="version that is deployed from here on; 0: as exported")
    reason: str = ""
    difference: Interval | None = Field(default=None, description="candidate minus deployed, held-out part")
    level: float | None = Field(default=None, description="of that interval")
    validation: int = Field(default=0, description="questions that the search used")
    test: int = Field(default=0, description="questions held out")


_FORMAT: LineFormat[Decision] = LineFormat(
    TypeAdapter(Decision), noun="a decision", otherwise="export the plug-in again"
)


@dataclass(frozen=True)
class Versions:
    """The versions of the plug-in in a folder.

    Args:
        folder: the folder of its manifest.
    """

    folder: Path

    @classmethod
    def of(cls, plugin: str | Path) -> Versions:
        """Return the versions of ``plugin``; UsageError where there is none of that name or path.

        A swap that was interrupted is ended.
        """
        versions = cls(find_module(plugin))
        versions._repair()
        return versions

    def decisions(self) -> list[Decision]:
        """Return all decisions, in order."""
        path = self.folder / IMPROVEMENTS
        return read_lines(path, _FORMAT)[0] if path.exists() else []

    def deployed(self) -> list[int]:
        """Return the versions that led to the deployed one, which is the last: 0 is the exported one."""
        line = [0]
        for decision in self.decisions():
            if decision.action == "swapped":
                line.append(decision.version)
            elif decision.action == "rolled back":
                line.pop()
        return line

    def keep(self, decision: Decision) -> Decision:
        """Record that nothing was changed."""
        self._append(decision)
        return decision

    def swap(self, files: Path, decision: Decision) -> Decision:
        """Deploy the files of an exported plug-in instead of the present ones.

        It holds once the decision is on disk: after a kill the next command on these versions ends the swap.

        Args:
            files: folder of its manifest.
            decision: why; its ``version`` is filled in.
        """
        refuse_links(self.folder)
        present = self.deployed()[-1]
        if not self._version(present).is_dir():
            self._store(self.folder, present)
        number = 1 + max(present, *(d.version for d in self.decisions()), 0)
        self._store(files, number)
        decision = decision.model_copy(update={"version": number})
        self._append(decision)
        self._repair()
        return decision

    def roll_back(self, decision: Decision) -> Decision:
        """Deploy the version before the present one again; its ``version`` is filled in.

        Raises:
            UsageError: the deployed version is the exported one.
        """
        line = self.deployed()
        if len(line) == 1:
            raise UsageError(f"{self.folder} is as it was exported: there is nothing to roll back.")
        decision = decision.model_copy(update={"version": line[-2]})
        self._append(decision)
        self._repair()
        return decision

    def _version(self, number: int) -> Path:
        return self.folder / VERSIONS / str(number)

    def _store(self, source: Path, number: int) -> None:
        """Copy the files in ``source`` as version ``number``; the folder appears whole or not at all."""
        target = self._version(number)
        temporary = target.with_name(f".{number}{TEMPORARY}")
        with said_as_ours(target):
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            for name in _FILES:
                if (source / name).is_file():
                    replace_file(temporary / name, read_below(source, name))
            shutil.rmtree(target, ignore_errors=True)  # of a swap that was killed before it was recorded
            temporary.rename(target)
            sync_folder(target.parent)

    def _append(self, decision: Decision) -> None:
        path = self.folder / IMPROVEMENTS
        if not path.exists():
            replace_file(path, to_line(decision))
            return
        log = LineLog(path, _FORMAT, os.write)
        try:
            log.append(decision)
        finally:
            log.close()

    def _repair(self) -> None:
        """Make the files those of the deployed version, if they are not."""
        version = self._version(self.deployed()[-1])
        if not version.is_dir():
            return
        for name in _FILES:
            wanted = read_below(version, name) if (version / name).is_file() else None
            there = read_below(self.folder, name) if (self.folder / name).is_file() else None
            if wanted is not None and wanted != there:
                replace_file(self.folder / name, wanted)
            elif wanted is None and there is not None:
                (self.folder / name).unlink()


def in_words(decision: Decision) -> str:
    """Return ``decision`` as a sentence."""
    compared = ""
    if decision.difference is not None and decision.level is not None:
        compared = (
            f" Candidate minus deployed on {decision.test} held-out questions: {decision.difference} "
            f"({100 * decision.level:g} %)."
        )
    reason = f": {decision.reason}" if words(decision.reason) else ""
    return f"{decision.action.capitalize()}{reason}.{compared} Deployed: version {decision.version}."
