"""A run directory, opened for reading: candidates, tables, and requests to its campaign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evolve.candidates import Candidates, StoredCandidate
from evolve.config import CampaignConfig
from evolve.errors import UsageError
from evolve.events import Event
from evolve.inspection.lookup import find_candidate
from evolve.journal import RunRecord
from evolve.program import MemoryProgram
from evolve.records import Candidate, Interval
from evolve.runs import steering
from evolve.runs.history import RunHistory

Data = dict[str, Any]
"""JSON of a command of the same name, as ``--json`` prints it."""


class Run:
    """A run directory, for reading; possible while a campaign writes to it.

    Methods that return ``Data`` return the ``--json`` output of the command of that name.

    Args:
        record: record of the run.
        keep: object to keep alive as long as this one, such as the run's temporary directory.

    Example:
        >>> import evolve
        >>> result = evolve.run("chronicle", programs=["lexical"], max_candidates=0, sandbox="process",
        ...                     settings={"evaluation.static": 4, "evaluation.test": 4})
        >>> run = evolve.open_run(result.run.path)
        >>> run.best.name, len(run.candidates), run.summary()["front"][0]["number"]
        ('lexical', 1, 0)
    """

    def __init__(self, record: RunRecord, keep: object = None) -> None:
        self.record = record
        self._keep = keep
        self._read: tuple[int, RunHistory] | None = None

    @classmethod
    def open(cls, root: Path, name: str) -> Run:
        """Open the run ``name`` in the folder ``root``; UsageError where there is none."""
        return cls(RunRecord.open(root, name))

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def name(self) -> str:
        """Name of the run directory."""
        return self.record.name

    @property
    def path(self) -> Path:
        """The run directory."""
        return self.record.path

    @property
    def config(self) -> CampaignConfig:
        """Configuration that the run was started with."""
        return self.record.config

    @property
    def history(self) -> RunHistory:
        """State of the run, folded from its events; read again when the event log has grown."""
        journal = self.path / "journal.jsonl"
        size = journal.stat().st_size if journal.is_file() else 0
        if self._read is None or self._read[0] != size:
            self._read = size, RunHistory.read(self.record)
        return self._read[1]

    @property
    def events(self) -> list[Event]:
        """Every event in order."""
        return self.record.events()

    @property
    def candidates(self) -> Candidates:
        """Every candidate, failed ones too, by rising number."""
        return self._stored(self.history.candidates)

    @property
    def front(self) -> Candidates:
        """The Pareto front, the highest quality first."""
        return self._stored(self.history.front)

    @property
    def best(self) -> StoredCandidate:
        """Front member of the highest quality; UsageError while there is no score."""
        return self.candidate()

    @property
    def tests(self) -> Mapping[int, Interval]:
        """Candidate number → quality on the test set."""
        return self.history.tests()

    def candidate(self, which: int | str | None = None) -> StoredCandidate:
        """Return a candidate by number or by digits of its program's id; None: the best.

        Raises:
            UsageError: there is none; the message says which there are.
        """
        text = None if which is None else str(which)
        return StoredCandidate.of(find_candidate(self.history, text), self)

    def summary(self) -> Data:
        """Return the front with objectives and intervals: ``evolve front``."""
        from evolve.inspection.tables import front_data

        return front_data(self.name, self.history)

    def show(self, which: int | str | None = None) -> Data:
        """Return a candidate in full, the best by default: ``evolve show``."""
        from evolve.inspection.tables import show_data

        return show_data(self.record, self.history, self._plain(which))

    def progress(self) -> Data:
        """Return hypervolume by evaluations and price, and losses before and after: ``evolve progress``."""
        from evolve.inspection.progress import outcome_data

        return outcome_data(self.record, self.history)

    def lineage(self, which: int | str | None = None) -> Data:
        """Return the family tree of all candidates or of one: ``evolve lineage``."""
        from evolve.inspection.lineage import lineage_data

        return lineage_data(self.history, None if which is None else self._plain(which))

    def explain(self, which: int | str | None = None) -> Data:
        """Return a description of a program's storage and retrieval: ``evolve explain``."""
        from evolve.inspection.explain import explain_data
        from evolve.inspection.questions import Questions

        return explain_data(self.record, self._plain(which), Questions.of(self.record))

    def trace(self, which: int | str | None, item: str, subset: str | None = None) -> Data:
        """Return the trace of one question, from the written episodes to its score: ``evolve trace``.

        Args:
            which: the candidate.
            item: id of a task, or a part that fits one.
            subset: ``static``, ``test`` or ``rotating-N``; None: the first that has the task.
        """
        from evolve.inspection.questions import Questions
        from evolve.inspection.traces import find_item, trace_data

        chosen = self._plain(which)
        evaluation, found = find_item(self.record.evaluations(chosen.program), item, subset)
        return trace_data(self.record, chosen, evaluation, found, Questions.of(self.record))

    def proposal(self, which: int | str) -> Data:
        """Return how a model, an agent or a command made a candidate: ``evolve trace RUN ID``.

        Args:
            which: the candidate; by its number, also one that was discarded.
        """
        from evolve.inspection.proposals import proposal_data

        text = str(which).removeprefix("#")
        number = int(text) if text.isdigit() and len(text) < 7 else self._plain(which).number
        return proposal_data(self.record, number, self.history)

    def diff(self, before: int | str, after: int | str) -> list[dict[str, str]]:
        """Return the changes from one candidate to another, part by part: ``evolve diff``."""
        from evolve.inspection.diff import diff_data

        programs = (self.record.program(self._plain(which).program) for which in (before, after))
        return diff_data(*programs)

    def add(
        self, program: str | Path | MemoryProgram, *, message: str = "", parents: Iterable[int] = ()
    ) -> str:
        """Add a program by hand, also while the campaign runs: ``evolve add``.

        Args:
            program: name of a seed, path, ``RUN:ID`` of a run in the same folder, source, or program.
            message: description of the program or of the change.
            parents: numbers of the candidates that it was made from.

        Returns:
            id of the request, which the journal names once it is carried out.

        Raises:
            ProgramError: it breaks the contract.
            UsageError: there is no such program, or a parent is no candidate of the run.
        """
        from evolve.inspection.lookup import program_of

        chosen = program_of(program, self.path.parent)
        return steering.add_program(self.record, chosen, message=message, parents=tuple(parents)).id

    def hint(self, text: str) -> str:
        """Add ``text`` to the prompts of the next candidates: ``evolve hint``.

        Returns:
            id of the hint, to withdraw it.

        Raises:
            UsageError: it is empty or too long, or no model of the run reads hints.
        """
        return steering.hint(self.record, text).id

    def withdraw(self, hint: str) -> None:
        """Withdraw a hint: ``evolve hint --withdraw``; UsageError where there is none of that id."""
        steering.withdraw(self.record, hint)

    def pause(self) -> None:
        """Pause the campaign until ``resume``; UsageError where no process runs it."""
        steering.pause(self.record)

    def resume(self) -> None:
        """Resume a paused campaign; UsageError where no process runs it."""
        steering.resume(self.record)

    def stop(self) -> None:
        """Let the campaign finish the candidates in flight, test the best and end; UsageError if none
        runs.
        """
        steering.stop(self.record)

    def report(self, path: str | Path) -> Path:
        """Write one HTML file that shows all of the run and needs no network: ``evolve report``."""
        from evolve.inspection.report import build_report, write_report

        target = Path(path)
        if not target.parent.is_dir():
            raise UsageError(f"There is no folder {target.parent} for the report. Make it, or give another.")
        write_report(build_report(self.record), target)
        return target

    def to_pandas(self) -> Any:
        """Return the candidates as a DataFrame, indexed by number; UsageError where pandas is missing."""
        return self.candidates.to_pandas()

    def export(
        self,
        name: str,
        which: int | str | None = None,
        *,
        out: str | Path = ".",
        licence: str = "Apache-2.0",
    ) -> Path:
        """Write a candidate as the package ``out/name``, which pip installs: ``evolve export``.

        Args:
            name: of the package: lower-case letters, digits, hyphens.
            which: the candidate; None: the best.
            out: folder to put it in.
            licence: SPDX expression.
        """
        from evolve.plugins.export import export

        chosen = self._plain(which)
        return export(self.record, self.history, chosen, name=name, out=Path(out), licence=licence)

    def _plain(self, which: int | str | None) -> Candidate:
        return find_candidate(self.history, None if which is None else str(which))

    def _stored(self, candidates: Iterable[Candidate]) -> Candidates:
        return Candidates(StoredCandidate.of(candidate, self) for candidate in candidates)
