"""Lookup of what a user names: a candidate of a run, a seed, a program."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from evolve import resources
from evolve.errors import UsageError
from evolve.journal import RunRecord
from evolve.program import MemoryProgram
from evolve.records import Candidate
from evolve.runs.history import RunHistory
from evolve.seeds import seed_path

MIN_PREFIX = 4


def find_candidate(history: RunHistory, text: str | None) -> Candidate:
    """Return the candidate that ``text`` names.

    Args:
        text: its number (``7`` or ``#7``), or a prefix of its program's id of at least ``MIN_PREFIX`` digits;
            None for the best.

    Raises:
        UsageError: there is none, or the prefix fits several programs.
    """
    if text is None:
        if history.best is None:
            raise UsageError(
                "This run has no candidate with a score yet. Wait for one, or name a candidate by its number."
            )
        return history.best
    digits = text.removeprefix("#")
    by_number = history.candidate(int(digits)) if digits.isascii() and digits.isdecimal() else None
    if by_number:
        return by_number
    found = [c for c in history.candidates if c.program.startswith(text)] if len(text) >= MIN_PREFIX else []
    if len({candidate.program for candidate in found}) == 1:
        return found[0]
    if found:
        fits = ", ".join(f"#{candidate.number} {candidate.program}" for candidate in found[:5])
        raise UsageError(f"{text!r} fits more than one candidate: {fits}. Give more digits, or the number.")
    given_up = history.discarded.get(int(digits)) if digits.isascii() and digits.isdecimal() else None
    if given_up:
        more = (
            " `evolve trace RUN ID` lists the replies of the model." if history.tries.get(int(digits)) else ""
        )
        raise UsageError(f"Number {digits} did not become a candidate: {given_up.reason.rstrip('.')}.{more}")
    numbers = [candidate.number for candidate in history.candidates]
    there = f"there are the numbers 0 to {max(numbers)}" if numbers else "the run has none yet"
    raise UsageError(
        f"There is no candidate {text!r} in this run; {there}. Give a number, or at least {MIN_PREFIX} "
        "digits of a program's id."
    )


@dataclass(frozen=True)
class FoundProgram:
    """A program and its location."""

    program: MemoryProgram
    path: Path

    @property
    def is_own(self) -> bool:
        """True if the program is one of the initial programs of this installation, and so no stranger's
        code.
        """
        return self.path.resolve().parent == resources.folder("seeds").resolve()


def find_program(text: str, root: Path) -> FoundProgram:
    """Return the program that ``text`` names: the path of a file, the name of a seed, or ``RUN:ID``.

    Args:
        root: the folder of runs, for ``RUN:ID``; ``RUN:`` alone is the best program of the run.

    Raises:
        UsageError: there is none, or its file cannot be read.
    """
    path = Path(text)
    if path.is_file() or text.endswith(".py") or os.sep in text:
        return FoundProgram(MemoryProgram.from_file(path), path)
    run_name, colon, candidate = text.partition(":")
    if colon:
        run = RunRecord.open(root, run_name)
        chosen = find_candidate(RunHistory.read(run), candidate or None)
        return FoundProgram(run.program(chosen.program), run.path / "programs" / f"{chosen.program}.py")
    path = seed_path(text)
    return FoundProgram(MemoryProgram.from_file(path), path)


def program_of(program: str | Path | MemoryProgram, root: Path) -> MemoryProgram:
    """Return the program that is given as an object, source, path, name of a seed, or ``RUN:ID``.

    Args:
        program: a text of more than one line is source.
        root: folder of runs, for ``RUN:ID``.

    Raises:
        UsageError: there is no such program, or its file cannot be read.

    Example:
        >>> program_of("lexical", Path("runs")).name
        'lexical'
    """
    if isinstance(program, MemoryProgram):
        return program
    if isinstance(program, Path):
        return MemoryProgram.from_file(program)
    if "\n" in program:
        return MemoryProgram(program)
    return find_program(program, root).program
