"""Notes of a campaign: written every few candidates, and shown in the prompts of later ones."""

from __future__ import annotations

from pathlib import Path

from evolve.campaign.recorder import Recorder
from evolve.config import CampaignConfig
from evolve.errors import BudgetReached, InfrastructureError, UsageError
from evolve.evaluation_setup import EvaluationSetup
from evolve.events import Noted
from evolve.journal import RunRecord
from evolve.models.chat import ChatModel, ChatRequest
from evolve.models.prompts import Prompt
from evolve.mutation import Notes
from evolve.mutation.reflection.context import texts_of
from evolve.runs.history import RunHistory
from evolve.runs.notes import CampaignFacts, carried_over, checked_conclusions


class Notebook:
    """Writer of a campaign's notes; each is recorded once, and a resumed campaign does not ask for it again.

    Args:
        recorder: recorder of the campaign.
        facts: facts of the campaign.
        every: candidates after which notes are written.
        first: number of the first candidate that is not an initial program.
        model: writes conclusions; None: the facts alone.
        name: its name.
        texts: the prompt.
        root: the folder of runs.
        other: name of the run in it whose notes are carried over; empty for none.
    """

    def __init__(
        self,
        recorder: Recorder,
        facts: CampaignFacts,
        *,
        every: int,
        first: int,
        texts: Prompt,
        model: ChatModel | None = None,
        name: str = "",
        root: Path = Path(),
        other: str = "",
    ) -> None:
        self._recorder = recorder
        self._facts = facts
        self._every = every
        self._first = first
        self._model = model
        self._name = name
        self._texts = texts
        self._root = root
        self._other = other

    def begin(self) -> None:
        """Record the notes of another run, unless that was done.

        Raises:
            UsageError: there is no such run, or its record is damaged.
        """
        if self._other and not any(note.source for note in self._recorder.history.noted):
            self._recorder.record(carried_over(RunRecord.open(self._root, self._other)))

    def write(self, number: int) -> None:
        """Write notes, if they are due when candidate ``number`` is settled.

        Where the model cannot be asked, the notes are the facts alone: the next candidate meets the same
        outage or limit, and ends the campaign with all work kept.
        """
        history = self._recorder.history
        due = self._every and (number - self._first + 1) % self._every == 0
        if not due or any(note.number == number for note in history.noted):
            return
        facts = self._facts.text()
        note = Noted(number=number, facts=facts)
        if self._model is not None:
            note = self._with_conclusions(note, self._model)
        self._recorder.record(note)

    def _with_conclusions(self, note: Noted, model: ChatModel) -> Noted:
        own = [past.text for past in self._recorder.history.noted if past.text and not past.source]
        messages = self._texts.messages(facts=note.facts, conclusions=own[-1] if own else "None yet.")
        try:
            reply = model.ask(ChatRequest(messages, cause="notes", repeat=note.number))
        except (InfrastructureError, BudgetReached):
            return note
        text = checked_conclusions(reply.text, note.facts)
        usd = None if reply.usage.unpriced else reply.usage.usd
        return note.model_copy(update={"text": text, "by": self._name if text else note.by, "usd": usd})


def notebook_of(
    config: CampaignConfig, setup: EvaluationSetup, recorder: Recorder, run: RunRecord
) -> Notebook:
    """Return the notebook of a campaign, which writes nothing where no model reads it."""
    search = config.search
    read = config.reads_failures and search.optimizer != "gepa" and search.notes != "off"
    asked = read and search.notes == "model" and bool(config.reflecting)
    return Notebook(
        recorder,
        CampaignFacts(recorder.history, {task.id: task.category for task in setup.subsets.static.tasks}),
        every=search.notes_every if read else 0,
        first=len(config.seeds),
        texts=texts_of(search.prompts_dir)["notes"],
        model=setup.model_set.reflectors[0] if asked else None,
        name=config.reflecting[0].model if asked else "",
        root=run.path.parent,
        other=search.notes_from or "",
    )


def check_notes(config: CampaignConfig, root: Path, name: str) -> None:
    """Check that notes of another run can be carried over to the run ``name`` in the folder ``root``.

    Raises:
        UsageError: no model would read them, or a run that begins names one that does not exist.
    """
    search = config.search
    if not search.notes_from:
        return
    if not config.reads_failures or search.optimizer == "gepa" or search.notes == "off":
        raise UsageError(
            f"Expected a model that reads the notes of {search.notes_from!r}, found none. Give one with "
            "--reflector MODEL, with notes and the optimizer left as they are; or leave out --notes-from."
        )
    if not (root / name / "journal.jsonl").exists():
        RunRecord.open(root, search.notes_from)


def notes_for(number: int, history: RunHistory, config: CampaignConfig) -> tuple[Notes, ...]:
    """Return the notes that candidate ``number`` is made with.

    They cover the candidates that its parent was drawn from, however many are settled when it is made.
    """
    if config.search.notes == "off" or not config.reads_failures:
        return ()
    return tuple(Notes(note.shown, note.source) for note in history.notes(number - config.under_way))
