"""Candidates of a run as a Python program reads them: with their source, scores and evaluations."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, overload

from pydantic import PrivateAttr

from evolve.errors import UsageError
from evolve.files.durable import replace_file
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

    def as_csv(self) -> str:
        """Return the rows as CSV with a header; parents are numbers with spaces between them.

        Example:
            >>> Candidates([]).as_csv()
            '\\n'
        """
        rows = self.to_dicts()
        names = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({**row, "parents": " ".join(map(str, row["parents"]))})
        return text.getvalue()

    def to_csv(self, path: str | Path) -> None:
        """Write ``as_csv()`` to ``path``."""
        replace_file(Path(path), self.as_csv().encode("utf-8", "replace"))

    def to_parquet(self, path: str | Path) -> None:
        """Write the rows as Parquet; UsageError where pyarrow (extra ``data``) is not installed."""
        try:
            arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
        except ImportError:
            raise UsageError(
                "pyarrow is not installed: pip install 'evolve-memory[data]', or write CSV."
            ) from None
        rows = self.to_dicts()
        names = dict.fromkeys(name for row in rows for name in row)
        columns = {name: [_plain(row.get(name)) for row in rows] for name in names}
        written = io.BytesIO()
        parquet.write_table(arrow.table(columns), written)
        replace_file(Path(path), written.getvalue())


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


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
