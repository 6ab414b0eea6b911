from __future__ import annotations

import io
import re

from rich.console import Console

from evolve.config import CampaignConfig
from evolve.events import Event, Joined
from evolve.inspection.lineage import ancestors, lineage_data, lineage_view
from evolve.records import Candidate
from evolve.runs.history import RunHistory


def child(number: int, parents: tuple[int, ...], scores: list[float]) -> Joined:
    return Joined(
        candidate=Candidate(
            number=number,
            program=f"{number:012x}",
            parents=parents,
            operator="knobs" if parents else "seed",
            message="Set [bold]k\x1b[31m." if parents else "",
            objectives={"quality": sum(scores) / len(scores), "cost": 1.0, "latency": 0.1},
            item_scores={f"t{n}": score for n, score in enumerate(scores)},
        )
    )


def history() -> RunHistory:
    events: list[Event] = [
        child(0, (), [0.0] * 20),
        child(1, (), [1.0] * 20),
        child(2, (0,), [0.9] * 20),
        child(3, (2, 1), [0.1] * 20),
        child(4, (2,), [0.9] * 19 + [0.8]),
        Joined(
            candidate=Candidate(
                number=5, program="5" * 12, parents=(4,), operator="x", objectives={}, failed=True
            )
        ),
    ]
    return RunHistory.of(CampaignConfig(), events)


def test_the_tree() -> None:
    data = lineage_data(history())
    assert [root["number"] for root in data["roots"]] == [0, 1]
    (two,) = data["roots"][0]["children"]
    assert (two["number"], two["verdict"], round(two["change"]["mean"], 3)) == (2, "gain", 0.9)
    three, four = two["children"]
    assert (three["verdict"], three["parents"]) == ("regression", [2, 1])
    assert four["verdict"] == "", "a small change that the interval does not tell from none"
    assert four["children"][0]["verdict"] == "failed"


def test_of_one_candidate() -> None:
    found = history()
    assert ancestors(found, 5) == [0, 2, 4, 5]
    data = lineage_data(found, found.candidate(4))
    (root,) = data["roots"]
    (two,) = root["children"]
    assert [node["number"] for node in two["children"]] == [4], "siblings are left out"
    assert [node["number"] for node in two["children"][0]["children"]] == [5]


def test_view() -> None:
    console = Console(file=io.StringIO(), width=120, highlight=False)
    console.print(lineage_view(lineage_data(history()), "demo"))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "\x1b" not in text
    for part in ("#2 0.900 +0.900 ▲", "#3 0.100 -0.800 ▼", "with #1", "Set [bold]k", "#5 no score ✗"):
        assert part in text


def test_a_line_too_long_for_the_terminal_ends_in_an_ellipsis_with_styles_and_without() -> None:
    view = lineage_view(lineage_data(history()), "demo")
    drawn: dict[bool, str] = {}
    for styled in (False, True):
        out = io.StringIO()
        color = "standard" if styled else None
        Console(file=out, width=26, color_system=color, force_terminal=styled, highlight=False).print(view)
        drawn[styled] = out.getvalue()
    cut = [line for line in drawn[False].splitlines() if line.endswith("…")]
    assert [len(line) for line in cut] == [26] * len(cut)
    assert "│   └── #2 0.900 +0.900 ▲…" in cut
    assert "\x1b[32m +0.900 ▲" in drawn[True], "a gain is green"
    assert re.sub("\x1b\\[[0-9;]*m", "", drawn[True]) == drawn[False]


def test_a_parent_without_shared_items_gives_a_difference_and_no_verdict() -> None:
    events: list[Event] = [child(0, (), [0.2]), child(1, (0,), [0.9])]
    found = RunHistory.of(CampaignConfig(), events)
    bare = [c.model_copy(update={"item_scores": {}}) for c in found.candidates]
    found = RunHistory.of(CampaignConfig(), [Joined(candidate=c) for c in bare])
    change = found.change(found.candidates[1])
    assert change is not None
    assert (round(change.mean, 3), change.low, change.high) == (0.7, -1.0, 1.0)
    assert found.change(found.candidates[0]) is None


def test_a_line_of_descent_longer_than_python_recurses_is_drawn() -> None:
    length = 3000
    events = [child(n, (n - 1,) if n else (), [0.0, 1.0]) for n in range(length)]
    out = io.StringIO()
    Console(file=out, width=120).print(
        lineage_view(lineage_data(RunHistory.of(CampaignConfig(), events)), "deep")
    )
    drawn = out.getvalue()
    assert "└── #0 " in drawn
    assert f"└── #{length - 1} " in drawn
