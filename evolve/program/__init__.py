"""The memory program: its source, its identity, its parts, and its contract."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from evolve.errors import ProgramError, UsageError
from evolve.program.checks import Problem, find_problems
from evolve.program.compose import freeze_code, freeze_instructions, with_instructions, with_knobs
from evolve.program.parsing import UNPARSABLE
from evolve.program.parts import FieldSpec, Knob, Parts, read_parts
from evolve.program.source import source_of

__all__ = [
    "FieldSpec",
    "Knob",
    "MemoryProgram",
    "Parts",
    "Problem",
    "freeze_code",
    "freeze_instructions",
    "with_instructions",
    "with_knobs",
]


@dataclass(frozen=True)
class MemoryProgram:
    """An executable memory design, held as text. Nothing here runs it.

    Args:
        source: the Python source.
        name: its name for people, such as the stem of its file; not part of its identity.

    Example:
        >>> bool(MemoryProgram("x = 1").problems)
        True
        >>> MemoryProgram("x = 1").id == MemoryProgram("x = 1", name="mine").id
        True
    """

    source: str
    name: str = ""

    @classmethod
    def from_file(cls, path: Path) -> MemoryProgram:
        """Read a program from a file.

        Raises:
            UsageError: the file is missing or is not UTF-8 text.
        """
        try:
            return cls(path.read_text(encoding="utf-8"), name=path.stem)
        except FileNotFoundError:
            raise UsageError(f"There is no program at {path}. Give the path of a Python file.") from None
        except IsADirectoryError:
            raise UsageError(f"{path} is a folder; expected the Python file of one memory program.") from None
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start}).") from error

    @cached_property
    def id(self) -> str:
        """Id: the first 12 hexadecimal digits of the SHA-256 of the source."""
        return hashlib.sha256(self.source.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    @cached_property
    def fingerprint(self) -> str:
        """Hash that is equal for programs that differ only in layout, comments, docstrings and commit
        message.

        Raises:
            ProgramError: the source does not parse.
        """
        self.tree  # noqa: B018  (parses)
        return source_of(self.source).fingerprint

    @cached_property
    def parts(self) -> Parts:
        """Schema, instructions, hyperparameters and methods, read from the AST.

        Raises:
            ProgramError: the source does not parse.
        """
        try:
            return read_parts(self.source, self.tree)
        except RecursionError as error:
            raise ProgramError("contract", "The program is nested too deeply to be read.") from error

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """All breaches of the contract; empty for a valid program."""
        return tuple(find_problems(self.source))

    @property
    def lines(self) -> int:
        """Lines of source that are neither blank nor only a comment."""
        stripped = (line.strip() for line in self.source.splitlines())
        return sum(1 for line in stripped if line and not line.startswith("#"))

    def check(self) -> None:
        """Raise a ``ProgramError`` (kind ``contract``) that lists every breach of the contract, if any."""
        if self.problems:
            listed = "; ".join(str(problem) for problem in self.problems)
            raise ProgramError("contract", f"The program breaks the contract: {listed}.")

    @cached_property
    def tree(self) -> ast.Module:
        """Syntax tree, about a hundred times as large as the source; do not change it.

        Raises:
            ProgramError: the source does not parse.
        """
        try:
            return source_of(self.source).tree
        except UNPARSABLE as error:
            raise ProgramError("contract", f"The program does not parse: {error}.") from error
