"""Notes of a campaign: written by rules or by the reflector, read by it, once each, also after a kill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from evolve.campaign.notebook import Notebook
from evolve.campaign.recorder import Recorder
from evolve.config import CampaignConfig, merged
from evolve.errors import BudgetReached, EvolveError, InfrastructureError, UsageError
from evolve.events import Event, Joined, Noted
from evolve.inspection.notes import notes_data
from evolve.journal import RunDirectory
from evolve.models.chat import ChatModel
from evolve.mutation.reflection.context import TEXTS
from evolve.records import Candidate
from evolve.runs.notes import CampaignFacts
from tests.campaign.actors import MODELS, Reflector
from tests.campaign.lab import SMALL, Ended, Lab
from tests.mutation.conftest import FakeChat
from tests.server.scripts import Asked
from tests.server.server import ModelServer

EVERY = {"seed": 1, "budget": 4, "search__notes": "rules", "search__notes_every": 2}
FROM_OLD = {"search__notes_from": "old", "search__notes": "rules"}
LAST = len(SMALL["seeds"]) + 3


@dataclass
class Noting:
    """A reflector that also writes conclusions, and counts how often it was asked to."""

    reflector: Callable[[Asked], str] = field(default_factory=lambda: Reflector("improve", "vary"))
    asked: list[str] = field(default_factory=list)

    def __call__(self, asked: Asked) -> str:
        messages = asked.body["messages"]
        if not messages[0]["content"].startswith("You keep the notes"):
            return self.reflector(asked)
        self.asked.append(messages[1]["content"])
        return "- #1 is worth building on.\n- #77 was 0.999 better."


def noted(ended: Ended) -> list[Noted]:
    return [event for event in ended.record.events() if isinstance(event, Noted)]


def prompts(server: ModelServer) -> list[str]:
    return [str(one.body["messages"]) for one in server.served if one.model == MODELS["reflector"]]


@pytest.mark.slow
def test_rules_write_notes_without_a_model_call_and_the_next_prompts_show_them(
    server: ModelServer, lab: Lab
) -> None:
    writer = Noting()
    server.script(MODELS["reflector"], writer)
    ended = lab.run("run", lab.config(SMALL, **EVERY))
    assert ended.error is None
    assert [(note.number, note.by, note.text) for note in noted(ended)] == [
        (LAST - 2, "rules", ""),
        (LAST, "rules", ""),
    ]
    assert writer.asked == []
    before, after = (
        [text for text in prompts(server) if ("Notes of this campaign" in text) is there]
        for there in (False, True)
    )
    assert before
    assert after
    assert all(noted(ended)[0].facts.splitlines()[0] in text for text in after)


def test_a_model_adds_conclusions_of_which_invented_ones_are_deleted(server: ModelServer, lab: Lab) -> None:
    writer = Noting()
    server.script(MODELS["reflector"], writer)
    ended = lab.run("run", lab.config(SMALL, **{**EVERY, "search__notes": "model"}))
    first, second = noted(ended)
    assert (first.by, first.text) == (f"openai/{MODELS['reflector']}", "- #1 is worth building on.")
    assert first.usd is not None
    assert first.usd > 0
    assert first.facts in writer.asked[0]
    assert "None yet." in writer.asked[0]
    assert first.text in writer.asked[1]
    assert ended.accounts.causes["notes"].usage.calls == len(writer.asked) == 2
    assert any(first.text in text for text in prompts(server) if "Notes of this campaign" in text)
    assert notes_data(ended.record)["notes"][1]["number"] == second.number


def candidate(number: int, *parents: int) -> Joined:
    values = {"quality": 0.5, "cost": 1.0, "latency": 0.1}
    return Joined(
        candidate=Candidate(number=number, program=f"{number:012x}", parents=parents, objectives=values)
    )


def notebook_with(run: RunDirectory, model: ChatModel) -> tuple[Recorder, Notebook]:
    """A notebook of a process that works on ``run``; due after every second candidate, the first is 1."""
    recorder = Recorder(run, CampaignConfig(), "c")
    recorder.open(lambda event: None)
    facts = CampaignFacts(recorder.history, {})
    return recorder, Notebook(
        recorder, facts, every=2, first=1, texts=TEXTS["notes"], model=model, name="writer"
    )


def test_notes_are_written_when_due_and_by_a_resumed_process_only_if_they_are_missing(
    tmp_path: Path,
) -> None:
    model = FakeChat("- #1 helped.", "- #2 did not.")
    with RunDirectory.create_or_open(tmp_path, "run", CampaignConfig()) as run:
        recorder, notebook = notebook_with(run, model)
        recorder.record(candidate(0))
        for number in (1, 2):
            recorder.record(candidate(number, 0))
            notebook.write(number)
        assert len(model.requests) == 1
        for number in (3, 4):  # killed before the notes after candidate 4
            recorder.record(candidate(number, 0))
        again, resumed = notebook_with(run, model)
        for number in range(1, 5):
            resumed.write(number)
    assert [(note.number, note.text) for note in again.history.noted] == [
        (2, "- #1 helped."),
        (4, "- #2 did not."),
    ]
    assert len(model.requests) == 2
    assert "- #1 helped." in model.requests[1].messages[1]["content"]


@pytest.mark.parametrize("error", [BudgetReached("10 USD"), InfrastructureError("no answer", remedy="wait")])
def test_notes_of_a_model_that_cannot_be_asked_are_the_facts_alone(tmp_path: Path, error: Exception) -> None:
    with RunDirectory.create_or_open(tmp_path, "run", CampaignConfig()) as run:
        recorder, notebook = notebook_with(run, FakeChat(error))
        for event in (candidate(0), candidate(1, 0), candidate(2, 0)):
            recorder.record(event)
        notebook.write(2)
    (note,) = recorder.history.noted
    assert (note.by, note.text) == ("rules", "")
    assert "2 candidates were scored" in note.facts


class Killed(EvolveError):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("at", [Noted, Joined])
def test_a_campaign_that_was_killed_asks_for_no_notes_twice(
    server: ModelServer, lab: Lab, at: type[Event]
) -> None:
    writer = Noting()
    server.script(MODELS["reflector"], writer)
    settings = lab.config(SMALL, **{**EVERY, "search__notes": "model"})
    whole = lab.run("whole", settings)
    asked = len(writer.asked)
    settings = merged(settings, {"models.cache": lab.root / "other.sqlite"})

    def kill(event: Event) -> None:
        last = event.candidate.number if isinstance(event, Joined) else getattr(event, "number", -1)
        if isinstance(event, at) and last == LAST - 2:
            raise Killed

    assert isinstance(lab.run("run", settings, watch=kill).error, Killed)
    again = lab.run("run", settings)
    assert again.error is None
    assert again.decided == whole.decided
    assert noted(again) == noted(whole)
    assert len(writer.asked) == 2 * asked


@pytest.mark.slow
def test_notes_of_another_run_are_recorded_once_and_shown(server: ModelServer, lab: Lab) -> None:
    server.script(MODELS["reflector"], Noting())
    old = lab.run("old", lab.config(SMALL, **EVERY))
    server.served.clear()
    settings = lab.config(SMALL, seed=2, budget=2, search__notes="rules", search__notes_from="old")
    ended = lab.run("run", settings)
    assert ended.error is None
    (carried,) = [note for note in noted(ended) if note.source]
    assert (carried.source, carried.number) == ("old", -1)
    shown = prompts(server)
    assert shown
    assert all("Notes of the run old." in text for text in shown)
    (old.record.path / "config.toml").rename(old.record.path / "gone")
    again = lab.run("run", settings)
    assert again.error is None
    assert noted(again) == noted(ended)


@pytest.mark.slow
def test_notes_can_be_switched_off(server: ModelServer, lab: Lab) -> None:
    server.script(MODELS["reflector"], Noting())
    ended = lab.run("run", lab.config(SMALL, **{**EVERY, "search__notes": "off"}))
    assert noted(ended) == []
    assert not any("Notes of" in text for text in prompts(server))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"search__notes_from": "nowhere", "search__notes": "rules"}, "There is no run called 'nowhere'"),
        ({**FROM_OLD, "search__notes": "off"}, "Expected a model that reads the notes"),
        (
            {"search__notes_from": "old", "search__notes": "rules", "search__mutators": "rules"},
            "Expected a model that reads the notes",
        ),
    ],
)
def test_notes_that_cannot_be_carried_over_are_said_before_anything_is_written(
    lab: Lab, settings: dict[str, str], message: str
) -> None:
    ended = lab.run("run", lab.config(SMALL, **settings))
    assert isinstance(ended.error, UsageError)
    assert message in str(ended.error)
    assert not ended.record.path.exists()
