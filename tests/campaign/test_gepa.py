"""Prompt-only campaigns by GEPA's package: through litellm to the test server, in bare processes."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evolve.cli import app
from evolve.errors import BudgetReached, ModelError, UsageError
from evolve.inspection.comparison import comparison_data
from evolve.program import MemoryProgram, freeze_instructions
from tests.campaign.actors import MODELS, Reflector, task
from tests.campaign.lab import SEEDS, Lab
from tests.server.faults import wrong_key
from tests.server.scripts import Asked
from tests.server.server import ModelServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("gepa") is None, reason="the extra gepa is not installed: pip install gepa"
    ),
]
CHARM = "Think of the town."
"""With it in its instruction, the task model knows all the answers."""
PROMPT_ONLY = {
    "search__optimizer": "gepa",
    "seeds": SEEDS[:1],
    "budget": 5,
    "evaluation__static": 6,
    "evaluation__rotating": 3,
}


def settings(**more: Any) -> dict[str, Any]:
    return {**PROMPT_ONLY, **more}


def charmed(asked: Asked) -> str:
    """Answers rightly if it was told so, whatever the memory holds; else as the task model of campaigns."""
    text = "\n".join(message["content"] for message in asked.body["messages"])
    if CHARM in text and (found := re.findall(r"Where did (\w+) get the (\w+)\?", text)):
        return ANSWERS[found[-1]]
    return task(asked)


def answers() -> dict[tuple[str, str], str]:
    from evolve.benchmark import find

    loaded = find(str(Path(__file__).parent / "diary.py")).load(
        None, {"days": "16", "tasks": "18", "test": "4"}
    )
    every = (*loaded.validation, *loaded.test)
    return {re.findall(r"did (\w+) get the (\w+)", t.question)[0]: t.answers[0] for t in every}


ANSWERS = answers()


class Rewriter:
    """Gives a better response instruction, another of the others, and now and then the same again."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def __call__(self, asked: Asked) -> str:
        prompt = asked.body["messages"][0]["content"]
        self.prompts.append(prompt)
        (now,) = re.findall(r"task for me:\n```\n(.*?)\n```", prompt, re.DOTALL)[:1]
        if "name of the place" in now:
            return f"Look at the feedback.\n```\nAnswer with the place.\n{CHARM}\n```"
        return f"```\n{now}\n```" if now == "(empty)" else f"```\n{now} Be exact.\n```"


@pytest.fixture
def rewriter(server: ModelServer) -> Rewriter:
    made = Rewriter()
    server.script(MODELS["reflector"], made)
    server.script(MODELS["task"], charmed)
    return made


def test_it_improves_the_instructions_and_nothing_else(lab: Lab, server: ModelServer, rewriter: Rewriter):
    ended = lab.run("prompts", lab.config(**settings()))
    assert ended.error is None, ended.error
    assert ended.summary is not None
    numbers = sorted({*ended.candidates, *ended.discarded})
    assert numbers == list(range(6)), "every iteration is a child of the budget, with what became of it"
    seed = ended.record.program(ended.candidates[0].program)
    best = ended.record.program(ended.summary.best.program)
    assert CHARM in best.parts.instructions["INSTRUCTION_RESPONSE"]
    assert best.problems == ()
    assert MemoryProgram(freeze_instructions(seed.source, best.source)).fingerprint == seed.fingerprint
    assert ended.summary.best.objectives["quality"] == 1.0
    assert ended.candidates[0].objectives["quality"] < 0.5
    assert ended.summary.comparisons[0].difference.mean > 0
    assert ended.summary.best.parents[0] in ended.candidates
    assert any("perfect score" in reason for reason in ended.discarded.values())

    assert all("Right answer" in prompt for prompt in rewriter.prompts)
    assert any("KnowledgeItem that the agent filled" in prompt for prompt in rewriter.prompts)
    reflecting = ended.accounts.roles["reflector"].usage
    assert reflecting.calls == len(rewriter.prompts)
    assert reflecting.usd > 0
    assert {call.candidate for call in ended.calls if call.role == "reflector"} <= set(range(1, 6))

    server.script(MODELS["reflector"], Reflector())
    ours = settings(search__optimizer="evolve", search__freeze="code", window=1)
    other = lab.run("ours", lab.config(**ours))
    assert other.error is None
    rows = comparison_data([ended.record, other.record])["runs"]
    assert [row["run"] for row in rows] == ["prompts", "ours"]
    assert all(row["items"] > 0 for row in rows)

    root = str(lab.root)
    best_file = str(ended.record.path / "programs" / f"{best.id}.py")
    arguments = ("check", best_file, "--sandbox", "process", "--unsafe-local", "--root", root)
    assert CliRunner().invoke(app, arguments).exit_code == 0
    arguments = ("bench", "-p", "prompts", "-b", "chronicle", "--split", "static", "--static", "4", "--json")
    result = CliRunner().invoke(app, (*arguments, "--sandbox", "process", "--unsafe-local", "--root", root))
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["cells"][0]["status"] == "complete"


def test_it_goes_on_where_it_was_and_asks_nothing_twice(lab: Lab, rewriter: Rewriter):
    whole = lab.run("whole", lab.config(**settings()))
    asked = len(rewriter.prompts)
    lab = Lab(lab.url, lab.root.with_name("again"))  # with a cache of its own
    part = lab.run("part", lab.config(**settings(budget=3)))
    rest = lab.run("part", lab.config(**settings(models__cache=lab.root / "new.sqlite")))
    assert (whole.error, part.error, rest.error) == (None, None, None)
    assert rest.decided == whole.decided
    assert len(rewriter.prompts) == 2 * asked, "a proposal that is recorded is not asked for again"
    assert rest.evaluated_once()


def test_a_budget_pauses_it_and_a_higher_one_lets_it_go_on(lab: Lab, rewriter: Rewriter):
    whole = lab.run("whole", lab.config(**settings()))
    lab = Lab(lab.url, lab.root.with_name("again"))
    spent = whole.accounts.total.usage.tokens
    paused = lab.run("paused", lab.config(**settings(max_tokens=spent // 2)))
    assert isinstance(paused.error, BudgetReached)
    assert paused.accounts.total.usage.tokens <= spent // 2
    rest = lab.run("paused", lab.config(**settings(max_tokens=20 * spent)))
    assert rest.error is None
    assert rest.decided == whole.decided


def test_an_outage_of_the_reflector_stops_it_and_scores_nobody(
    lab: Lab, server: ModelServer, rewriter: Rewriter
):
    server.script(MODELS["reflector"], lambda asked: wrong_key())
    ended = lab.run("wrong", lab.config(**settings()))
    assert isinstance(ended.error, ModelError)
    assert sorted(ended.candidates) == [0]
    assert ended.discarded == {}
    server.script(MODELS["reflector"], rewriter)
    rest = lab.run("wrong", lab.config(**settings()))
    assert rest.error is None
    assert rest.candidates[0].objectives["quality"] < max(
        c.objectives["quality"] for c in rest.candidates.values()
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seeds": SEEDS}, "one program"),
        ({"models__reflector": {"model": "offline"}}, "--reflector MODEL"),
        ({"search__freeze": "instructions"}, "--freeze instructions"),
        ({"cluster": "tcp://host:8786"}, "--cluster"),
    ],
)
def test_what_it_cannot_do_is_said_before_anything_is_written(lab: Lab, changes: dict[str, Any], said: str):
    ended = lab.run("no", lab.config(**settings(**changes)))
    assert isinstance(ended.error, UsageError)
    assert said in str(ended.error)
    assert not lab.root.exists()


def test_without_the_package_it_says_what_to_install(lab: Lab, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    ended = lab.run("no", lab.config(**settings()))
    assert isinstance(ended.error, UsageError)
    assert "pip install 'evolve-memory[gepa]'" in str(ended.error)
