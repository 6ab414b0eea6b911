from __future__ import annotations

import io

import pytest
from rich.console import Console

from evolve.config import CampaignConfig
from evolve.events import Discarded, Event
from evolve.inspection.live import LiveView, Pace, PlainLog, observer_for
from evolve.inspection.narration import under_way
from evolve.runs.history import RunHistory

CONFIG = CampaignConfig(budget=3, seeds=("lexical", "hybrid"))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def output(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_plain_log_is_one_line_for_each_event(events: list[Event]) -> None:
    console = Console(file=io.StringIO(), width=40, highlight=False)
    with PlainLog(console, RunHistory.of(CONFIG)) as observer:
        for event in events:
            observer(event)
    assert output(console).splitlines() == [
        "The campaign begins; isolation: process.",
        "[1/2 initial programs] #0 lexical: 0.400 [0.300, 0.500], the best so far",
        "[2/2 initial programs] #1 hybrid: 0.300 [0.200, 0.400], on the front",
        "[1/3] #2 knobs of #0: 0.600 [0.500, 0.700], the best so far",
        "[2/3] #3 crossover discarded: the same program as candidate #0",
        "[3/3] #4 crossover of #0, #1: failed",
        "#0 on the test set: 0.350 [0.250, 0.450]",
        "#1 on the test set: 0.330 [0.230, 0.430]",
        "#2 on the test set: 0.550 [0.450, 0.650]",
        "#2 minus #0 on the test set: +0.200 [+0.100, +0.300]",
        "#2 minus #1 on the test set: +0.100 [-0.050, +0.250]",
        "The campaign ended (budget) after 1 min 15 s.",
    ]


def test_plain_log_does_not_repeat_the_past(events: list[Event]) -> None:
    console = Console(file=io.StringIO(), width=40)
    observer = PlainLog(console, RunHistory.of(CONFIG, events[:8]))
    for event in events[:9]:
        observer(event)
    assert output(console).splitlines() == ["[2/3] #3 crossover discarded: the same program as candidate #0"]


def test_plain_log_keeps_foreign_text_harmless() -> None:
    console = Console(file=io.StringIO(), width=40)
    PlainLog(console, RunHistory.of(CONFIG))(
        Discarded(number=1, operator="o[red]", reason="\x1b[2J[bold]x\n\ny")
    )
    assert output(console) == "[1/3] #1 o[red] discarded: �[2J[bold]x y\n"


@pytest.mark.parametrize(
    ("file", "options", "expected"),
    [
        (io.StringIO(), {}, PlainLog),
        (io.StringIO(), {"force_terminal": True}, PlainLog),
        (Terminal(), {}, LiveView),
    ],
)
def test_which_observer(
    file: io.StringIO, options: dict, expected: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    console = Console(file=file, **options)
    assert type(observer_for(console, "demo", RunHistory.of(CONFIG))) is expected
    assert type(observer_for(console, "demo", RunHistory.of(CONFIG), plain=True)) is PlainLog


def test_live_view_draws_every_state(events: list[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    frames = []
    for count in range(len(events) + 1):
        console = Console(file=Terminal(), width=120, height=60, force_terminal=True, color_system=None)
        view = LiveView(console, "demo", RunHistory.of(CONFIG), Clock())
        with view:
            for event in events[:count]:
                view(event)
        frames.append(output(console))
    assert "evolve: demo" in frames[0]
    assert "isolation: starting" in frames[0]
    last = frames[-1]
    for part in (
        "isolation: process",
        "3/3",
        "4 candidates, 1 failed, 1 discarded, 0 inconclusive",
        "#2 knobs",
        "0.600 [0.500, 0.700]",
        "0.550 [0.450, 0.650]",
        "The campaign ended (budget)",
    ):
        assert part in last


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "initial programs 0/2"),
        (3, "initial programs 1/2"),
        (5, "making candidate #2"),
        (6, "evaluating #2 knobs"),
    ],
)
def test_the_view_says_what_runs_before_the_first_candidate_and_always(
    events: list[Event], count: int, said: str
) -> None:
    history = RunHistory.of(CONFIG, events[:count])
    assert said in under_way(history)
    assert under_way(RunHistory.of(CONFIG, events)) == ""


def test_the_time_of_initial_programs_is_no_part_of_the_estimate(events: list[Event]) -> None:
    clock, history = Clock(), RunHistory.of(CONFIG)
    pace = Pace(history, clock)
    for event in events:
        clock.now += 100.0 if len(history.seeds) < 2 else 1.0
        history.apply(event)
        pace.note()
        if history.settled == 1:
            assert pace.left is not None
            assert pace.left < 20.0
            return


def test_pace(events: list[Event]) -> None:
    clock, history = Clock(), RunHistory.of(CONFIG, events[:8])
    pace = Pace(history, clock)
    clock.now = 10.0
    assert pace.left is None, "what an earlier process did says nothing of this one's speed"
    assert str(pace) == "10 s"
    history.apply(events[8])
    assert pace.left == 10.0
    assert str(pace) == "10 s, about 10 s left"
    for event in events[9:]:
        history.apply(event)
    assert pace.left == 0.0
