"""Mirror of a run as an Optuna study: a disposable projection of its journal."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from evolve.errors import EvolveError, UsageError
from evolve.files.durable import said_as_ours
from evolve.files.inside import refuse_links
from evolve.journal import RunRecord
from evolve.journal.lock import open_lock
from evolve.population import objective
from evolve.program import MemoryProgram
from evolve.records import Candidate
from evolve.runs.history import RunHistory

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import JournalStorage
    from optuna.trial import FrozenTrial, TrialState

from evolve.inspection.diff import diff_data
from evolve.inspection.text import difference, score
from evolve.text import one_line, printable

FILE, LOCK = "optuna.journal", "optuna.lock"


class StudyMirror:
    """Optuna study of a run, kept in the run's cache by one process at a time. A context manager.

    Each number of the run has a trial under that number: ``COMPLETE`` with the objectives, ``FAIL`` where the
    program failed, ``PRUNED`` where the candidate was stopped early, ``RUNNING`` while it is in flight. Its
    parameters are the program's hyperparameters, its user attributes say where it comes from, its note has
    the message and the change. A trial that has ended cannot be changed: if the journal says otherwise later,
    the next mirror corrects it, since each starts from nothing.

    Optuna calls the trials best that no other one beats in exact values; the run's own front compares them
    on the grids of its objectives, and is the smaller one.

    Args:
        run: the run to mirror; another process may be writing to it.

    Raises:
        UsageError: another process mirrors the run, or it is damaged.
        InfrastructureError: the cache cannot be written.
    """

    def __init__(self, run: RunRecord):
        self._run = run
        self._lock = _locked(run)
        self._open: set[int] = set()  # numbers of trials that run
        self._trials: list[int] = []  # number → id of its trial
        try:
            (run.cache / FILE).unlink(missing_ok=True)
            self.storage, self._study = self._create()
        except BaseException:
            self.close()
            raise

    def _create(self) -> tuple[JournalStorage, int]:
        from optuna import logging
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
        from optuna.study import StudyDirection

        logging.set_verbosity(logging.WARNING)  # it would print on stderr that a study was made
        storage = JournalStorage(JournalFileBackend(str(self._run.cache / FILE)))
        names = self._run.config.objectives
        better = (StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE)
        directions = [better[objective(name).maximize] for name in names]
        study = storage.create_new_study(directions, self._run.name)
        storage.set_study_system_attr(study, "study:metric_names", list(names))
        storage.set_study_user_attr(study, "benchmark", self._run.config.benchmark)
        return storage, study

    def update(self) -> int:
        """Update the study from the journal; return how many trials were made or ended.

        Raises:
            UsageError: the journal is damaged.
        """
        history = RunHistory.read(self._run)
        flying = {child.number for child in history.in_flight}
        known = {c.number for c in history.candidates} | history.discarded.keys() | flying
        changed = 0
        for number in range(max(known, default=-1) + 1):
            if number < len(self._trials) and number not in self._open:
                continue
            trial = self._trial(history, number)
            running = trial is None
            if number == len(self._trials):
                self._trials.append(self.storage.create_new_trial(self._study, trial))
                if running:
                    self._open.add(number)
                else:
                    self._note(history, number)
            elif not running:
                self._end(history, number, trial)
            else:
                continue
            changed += 1
        return changed

    def _trial(self, history: RunHistory, number: int) -> FrozenTrial | None:
        """The finished trial of a number; None while it is in flight."""
        from optuna.trial import TrialState

        candidate = history.candidate(number)
        if candidate is None:
            given_up = history.discarded.get(number)
            if given_up is None:
                return None
            return _frozen(
                TrialState.PRUNED, None, {"operator": given_up.operator, "reason": given_up.reason}
            )
        attributes = _attributes(history, candidate)
        params = self._knobs(candidate)
        if candidate.failed:
            return _frozen(TrialState.FAIL, None, attributes, params)
        if not candidate.objectives:  # stopped early
            return _frozen(TrialState.PRUNED, None, attributes, params)
        values = [candidate.objectives[name] for name in history.objectives]
        return _frozen(TrialState.COMPLETE, values, attributes, params)

    def _end(self, history: RunHistory, number: int, trial: FrozenTrial) -> None:
        """Finish a trial that was running."""
        identity = self._trials[number]
        for name, distribution in trial.distributions.items():
            self.storage.set_trial_param(identity, name, float(trial.params[name]), distribution)
        for name, value in trial.user_attrs.items():
            self.storage.set_trial_user_attr(identity, name, value)
        self._note(history, number)
        self.storage.set_trial_state_values(identity, trial.state, trial.values)
        self._open.discard(number)

    def _note(self, history: RunHistory, number: int) -> None:
        from optuna import load_study
        from optuna.trial import Trial
        from optuna_dashboard import save_note

        candidate = history.candidate(number)
        if candidate:
            study = load_study(study_name=self._run.name, storage=self.storage)
            save_note(Trial(study, self._trials[number]), note_of(self._run, history, candidate))

    def _knobs(self, candidate: Candidate) -> Mapping[str, tuple[float, float, float]]:
        """Name → value, low and high; none where the program is lost or does not parse."""
        try:
            parts = self._program(candidate).parts
        except EvolveError:
            return {}
        return {name: (knob.default, knob.low, knob.high) for name, knob in parts.knobs.items()}

    def _program(self, candidate: Candidate) -> MemoryProgram:
        return self._run.program(candidate.program)

    def close(self) -> None:
        """Release the lock, so that another process can mirror the run. Safe to call again."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> StudyMirror:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _frozen(
    state: TrialState,
    values: list[float] | None,
    attributes: Mapping[str, Any],
    knobs: Mapping[str, tuple[float, float, float]] | None = None,
) -> FrozenTrial:
    from optuna.distributions import FloatDistribution
    from optuna.trial import create_trial

    # All are floats: a hyperparameter may be whole in one program and not in another, which Optuna would
    # refuse.
    knobs = knobs or {}
    distributions: dict[str, BaseDistribution] = {
        name: FloatDistribution(low, high) for name, (_, low, high) in knobs.items()
    }
    params = {name: float(value) for name, (value, _, _) in knobs.items()}
    return create_trial(
        state=state, values=values, params=params, distributions=distributions, user_attrs=dict(attributes)
    )


def _attributes(history: RunHistory, candidate: Candidate) -> dict[str, Any]:
    """Return the attributes of a trial besides its values."""
    change, quality = history.change(candidate), history.quality(candidate.number)
    found = {
        "title": candidate.title,
        "operator": candidate.operator,
        "parents": list(candidate.parents),
        "program": candidate.program,
        "message": candidate.message,
        "quality_interval": [quality.low, quality.high] if quality else None,
        "change_to_parent": round(change.mean, 6) if change else None,
    }
    return {name: value for name, value in found.items() if value not in (None, "", [])}


def _locked(run: RunRecord) -> int:
    """A descriptor that holds the lock of the mirror."""
    path = run.cache / LOCK
    refuse_links(run.path)
    with said_as_ours(path):
        run.cache.mkdir(exist_ok=True)
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise UsageError(
            f"A dashboard of the run {run.name!r} is open already. Use that one, or end it first."
        ) from None
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
    return descriptor


MAX_DIFF = 12_000
"""Most characters of a diff in a note."""


def note_of(run: RunRecord, history: RunHistory, candidate: Candidate) -> str:
    """Return a note on a candidate: its origin, its scores, and the difference to its main parent."""
    change, test = history.change(candidate), history.tests().get(candidate.number)
    lines = [f"# #{candidate.number} {_safe(one_line(candidate.title))}"]
    if candidate.message:
        lines += ["", _safe(one_line(candidate.message, 400))]
    lines += [
        "",
        f"- quality {score(history.quality(candidate.number), candidate.objectives.get('quality'))}",
    ]
    if test:
        lines.append(f"- on the test set {score(test)}")
    if candidate.parents:
        lines.append(f"- made of {', '.join(f'#{number}' for number in candidate.parents)}")
    if change:
        lines.append(f"- {difference(change)} to #{candidate.parents[0]}")
    lines.append(f"- program `{candidate.program}`")
    return "\n".join([*lines, "", *_diff(run, history, candidate)])


def _diff(run: RunRecord, history: RunHistory, candidate: Candidate) -> list[str]:
    parent = history.candidate(candidate.parents[0]) if candidate.parents else None
    if parent is None:
        return []
    try:
        changes = diff_data(run.program(parent.program), run.program(candidate.program))
    except EvolveError:
        return ["The program, or that of its parent, is missing."]
    text = "\n\n".join(f"# {change['part']}\n{change['diff']}" for change in changes)
    if len(text) > MAX_DIFF:
        text = f"{text[:MAX_DIFF]}\n… and {len(text) - MAX_DIFF:,} characters more"
    fence = "~" * max(3, _longest_run(text) + 1)  # no text in a program can end the block
    return [f"{fence}diff", printable(text), fence]


def _longest_run(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if character == "~" else 0
        longest = max(longest, run)
    return longest


def _safe(text: str) -> str:
    """Return foreign text as plain words, without markup, links or HTML."""
    return "".join(
        f"\\{c}" if c in "\\`*_{}[]()#+-.!|~>" else "&lt;" if c == "<" else "&amp;" if c == "&" else c
        for c in text
    )
