"""Candidates of a run as a Python program reads them: with their source, scores and evaluations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, overload

from pydantic import PrivateAttr

from evolve.errors import UsageError
from evolve.journal import RunRecord
from evolve.program import MemoryProgram
from evolve.records import Candidate, Evaluation, Interval
from evolve.runs.history import RunHistory


class OpenedRun(Protocol):
    """The run that a candidate is of; see ``evolve.Run``."""

    record: RunRecord

    @property
    def history(self) -> RunHistory:
        """State of the run as it is now."""
        ...


class StoredCandidate(Candidate):
    """Candidate of a run, with its program and its scores.

    Example:
        >>> import evolve
        >>> result = evolve.run("chronicle", programs=["lexical"], max_candidates=0, sandbox="process",
        ...                     settings={"evaluation.static": 4, "evaluation.test": 4})
        >>> candidate = result.run.candidates[0]
        >>> candidate.name, candidate.source[:3], candidate.quality.mean == candidate.objectives["quality"]
        ('lexical', '\"\"\"', True)
    """

    _run: OpenedRun = PrivateAttr()

    @classmethod
    def of(cls, candidate: Candidate, run: OpenedRun) -> StoredCandidate:
        """Return ``candidate`` of ``run``."""
        stored = cls.model_construct(**dict(candidate))
        stored._run = run
        return stored

    @property
    def source(self) -> str:
        """Python source of the program."""
        return self.memory_program.source

    @property
    def memory_program(self) -> MemoryProgram:
        """The program; ``program`` is its id. UsageError where its file is missing or was changed."""
        return self._run.record.program(self.program)

    @property
    def path(self) -> Path:
        """File of the program in the run directory."""
        return self._run.record.path / "programs" / f"{self.program}.py"

    @property
    def quality(self) -> Interval | None:
        """Quality on the fitness set with its 95 % interval; None where it was not scored to the end."""
        return self._run.history.quality(self.number)

    @property
    def test(self) -> Interval | None:
        """Quality on the test set with its 95 % interval; None where it was not tested."""
        return self._run.history.quality(self.number, "test")

    @property
    def evaluations(self) -> list[Evaluation]:
        """Every evaluation of the program that has a score, with all items."""
        return self._run.record.evaluations(self.program)


class Candidates(Sequence[StoredCandidate]):
    """Candidates of a run by rising number: a sequence that becomes a table.

    Example:
        >>> Candidates([]).to_dicts()
        []
    """

    def __init__(self, candidates: Iterable[StoredCandidate]) -> None:
        self._candidates = tuple(candidates)

    def __len__(self) -> int:
        return len(self._candidates)

    @overload
    def __getitem__(self, index: int) -> StoredCandidate: ...
    @overload
    def __getitem__(self, index: slice) -> Candidates: ...
    def __getitem__(self, index: int | slice) -> StoredCandidate | Candidates:
        found = self._candidates[index]
        return Candidates(found) if isinstance(found, tuple) else found

    def __repr__(self) -> str:
        return f"Candidates({', '.join(f'#{candidate.number}' for candidate in self)})"

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return a row for each candidate: place, objectives, and quality on the test set."""
        return [_row(candidate) for candidate in self]

    def to_pandas(self) -> Any:
        """Return the rows as a DataFrame, indexed by number; UsageError where pandas is not installed."""
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise UsageError("pandas is not installed: pip install pandas, or use to_dicts().") from None
        return pandas.DataFrame(self.to_dicts()).set_index("number")


def _row(candidate: StoredCandidate) -> dict[str, Any]:
    test = candidate.test
    return {
        "number": candidate.number,
        "name": candidate.name or candidate.operator,
        "program": candidate.program,
        "parents": candidate.parents,
        "message": candidate.message,
        **candidate.objectives,
        "test": None if test is None else test.mean,
        "failed": candidate.failed,
        "early_stopped": candidate.raced,
    }
