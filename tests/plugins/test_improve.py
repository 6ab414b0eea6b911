"""Improvement on use: a better program is swapped in, another is not, and a swap can be undone."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import evolve
from evolve.arguments import overrides_of
from evolve.cli import app
from evolve.cli.plugins import BUDGET, search_config
from evolve.config import CampaignConfig, merged
from evolve.errors import UsageError
from evolve.mutation.protocol import NoCandidate, Proposal
from evolve.plugins.find import find_plugin
from evolve.plugins.improve import Attempt, improve, roll_back
from evolve.plugins.versions import Decision, Versions
from evolve.program import MemoryProgram
from evolve.seeds import seed_program
from tests.plugins.inline import InlineSandbox

TOWNS = """Oslo Lima Rome Bern Riga Kyiv Bonn Cork Nice Pisa Lodz Split Turin Quito Accra Dakar Tunis Cairo
Delhi Hanoi Seoul Osaka Kobe Perth""".split()  # noqa: SIM905
READ = '" | ".join(self.lines)[-2000:]'
LAST, FIRST, ALL = (f'" | ".join(self.lines{part})' for part in ("[-2:]", "[:10]", ""))


class Fixed:
    """Makes one candidate, and no other."""

    identity = "fixed-1"

    def __init__(self, source: str) -> None:
        self._source = source

    def mutate(self, context: Any, rng: random.Random) -> Proposal | NoCandidate:
        program = MemoryProgram(self._source)
        if program.id == context.parent.program:
            return NoCandidate("fixed", "it is there")
        return Proposal(program, "fixed", "another read", (context.parent.number,))


@pytest.fixture
def notebook(notebook: str) -> str:
    """The same without what the contract forbids."""
    return re.sub(r'        if "crash".*\n.*import os\n.*\n', "", notebook)


@pytest.fixture
def deployed(bind: Callable[..., Path], notebook: str) -> Path:
    """A plug-in that recalls only the last two texts."""
    return bind(notebook.replace(READ, LAST))


@pytest.fixture
def data(deployed: Path, tmp_path: Path, inline: object) -> Path:
    """The folder of its memory, whose user gave the right answers."""
    home = tmp_path / "memory"
    with evolve.load(deployed, path=home, sandbox="inline", usage_log=True) as memory:
        for number, town in enumerate(TOWNS):
            memory.remember(f"Friend {number} lives in {town}.")
            memory.feedback(memory.recall(f"Where does friend {number} live?").id, town)
    return home


def attempt(source: str, **more: Any) -> Attempt:
    parts = {"mutator": Fixed(source), "sandbox": InlineSandbox()}
    arguments = overrides_of({"budget": 1, "jobs": 1}, parts=parts)
    config = merged(CampaignConfig(), arguments.overrides, source="a test")
    return Attempt(config, components=arguments.components, unsafe_local=True, **more)


def recalled(plugin: Path, data: Path) -> str:
    with evolve.load(plugin, path=data, sandbox="inline") as memory:
        return memory.recall("Where does friend 1 live?")


def test_a_winner_is_swapped_in_recorded_and_rolled_back(
    deployed: Path, data: Path, notebook: str, tmp_path: Path
) -> None:
    before = recalled(deployed, data)
    assert "Lima" not in before
    told: list[str] = []
    old = find_plugin(deployed)
    decision = improve(deployed, data, attempt(notebook.replace(READ, ALL), notify=told.append))
    assert (decision.action, decision.version) == ("swapped", 1)
    assert decision.difference is not None
    assert decision.difference.low > 0
    assert any("24 texts again" in line for line in told)
    new = find_plugin(deployed)
    assert new.program.id == decision.candidate != old.program.id
    assert new.manifest.name == old.manifest.name
    assert "Lima" in recalled(deployed, data)
    assert Versions.of(deployed).decisions() == [decision]
    recorded = (deployed / "improvements.jsonl").read_text()
    assert "Oslo" not in recorded
    undone = roll_back(deployed)
    assert (undone.action, undone.version) == ("rolled back", 0)
    assert recalled(deployed, data) == before
    assert find_plugin(deployed) == old
    with pytest.raises(UsageError, match="nothing to roll back"):
        roll_back(deployed)


def test_a_change_that_is_worse_on_the_newest_part_is_not_swapped_in(
    deployed: Path, data: Path, notebook: str, tmp_path: Path
) -> None:
    files = {path: path.read_bytes() for path in deployed.iterdir()}
    work = tmp_path / "work"
    decision = improve(deployed, data, attempt(notebook.replace(READ, FIRST), work=work))
    assert decision.candidate, "it was the best on the questions that the search used"
    assert (decision.action, decision.version) == ("kept", 0)
    assert decision.difference is not None
    assert decision.difference.mean < 0
    assert {path: path.read_bytes() for path in files} == files
    assert Versions.of(deployed).deployed() == [0]
    assert (work / "search").is_dir(), "for a look at the run"


def test_nothing_better_is_said(deployed: Path, data: Path, notebook: str) -> None:
    decision = improve(deployed, data, attempt(notebook.replace(READ, '""')))
    assert (decision.action, decision.candidate) == ("kept", "")
    assert "no candidate was better" in decision.reason


def test_a_swap_that_was_killed_is_ended_or_undone(
    deployed: Path, bind: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = bind(name="notebook")
    wanted, present = find_plugin(other), find_plugin(deployed)
    decision = Decision(at="", action="swapped", deployed=present.program.id, version=0)
    versions = Versions.of(deployed)
    with monkeypatch.context() as patched:
        patched.setattr(Versions, "_append", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            versions.swap(other, decision)
    assert Versions.of(deployed).deployed() == [0]
    assert find_plugin(deployed) == present
    with monkeypatch.context() as patched:
        patched.setattr(Versions, "_repair", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            versions.swap(other, decision)
    (deployed / "program.py.txt").write_text("half")
    assert Versions.of(deployed).deployed() == [0, 1]
    assert find_plugin(deployed).program == wanted.program
    versions.swap(deployed, decision)
    assert Versions.of(deployed).deployed() == [0, 1, 2]
    for left in ([0, 1], [0]):
        roll_back(deployed)
        assert Versions.of(deployed).deployed() == left
    assert find_plugin(deployed) == present


def test_the_commands(deployed: Path, data: Path, tmp_path: Path) -> None:
    def invoke(*arguments: object) -> tuple[int, str]:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return result.exit_code, re.sub(r"\s+", " ", result.stdout + result.stderr)

    options = ["--data", data, "--budget", 0, "--sandbox", "inline", "--unsafe-local"]
    code, said = invoke("improve", deployed, *options, "--json")
    assert code == 0
    assert json.loads(said[said.index("{") : said.rindex("}") + 1])["action"] == "kept"
    code, said = invoke("improve", deployed, *options, "--level", "2")
    assert (code, "between 0 and 1" in said) == (2, True)
    (tmp_path / "theirs.toml").write_text('[models.task]\nmodel = "x/y"\napi_base = "http://192.0.2.1/v1"\n')
    code, said = invoke("improve", deployed, *options, "--config", tmp_path / "theirs.toml")
    assert (code, "192.0.2.1" in said, "--trust" in said) == (2, True, True)
    code, said = invoke("improve", tmp_path / "nothing", *options)
    assert (code, "There is no plug-in" in said) == (2, True)
    code, said = invoke("rollback", deployed)
    assert (code, "nothing to roll back" in said) == (2, True)


def test_options_come_before_the_file_and_the_file_before_the_default_budget(tmp_path: Path) -> None:
    assert search_config(None, {}).budget == BUDGET
    file = tmp_path / "search.toml"
    file.write_text("jobs = 3\n")
    assert (search_config(file, {}).budget, search_config(file, {}).jobs) == (BUDGET, 3)
    file.write_text("budget = 7\n")
    assert search_config(file, {}).budget == 7
    assert search_config(file, {"budget": 0}).budget == 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_user_of_sixty_sessions_has_a_better_memory_in_the_end(
    bind: Callable[..., Path], tmp_path: Path
) -> None:
    """Chronicle's sessions in order, some corrected, with the questions about them; the user says the right
    answers. A change that is worse is tried afterwards, and then the improvement is undone.
    """
    from evolve.benchmark import find

    chronicle = find("chronicle").load(None, {})
    plugin = bind(seed_program("llm_summarizer").source)
    home = tmp_path / "memory"
    tasks = [*chronicle.validation, *chronicle.test]
    sessions = list(chronicle.episodes)[:60]
    known = {episode.id for episode in sessions}
    with evolve.load(plugin, path=home, trust=True, usage_log=True) as memory:
        for number, episode in enumerate(sessions):
            if number % 15 == 7:  # said wrongly at first, and corrected
                memory.remember("Nothing happened today.", id=episode.id)
                memory.correct(episode.id, episode.text)
            else:
                memory.remember(episode.text, id=episode.id)
            last = {episode.id}
            for task in tasks:
                needed = {evidence.episode for evidence in task.evidence}
                if needed and needed <= known and max(needed, key=order(sessions)) in last:
                    memory.feedback(memory.recall(task.question).id, task.answers[0])
    given = {"budget": 24, "jobs": 1, "seed": 1}
    config = merged(CampaignConfig(), overrides_of(given).overrides, source="a test")
    config = merged(config, {"sandbox.backend": "process"}, source="a test")
    questions = [task.question for task in tasks[:40]]
    before = recalled_all(plugin, home, questions)
    decision = improve(plugin, home, Attempt(config, unsafe_local=True, notify=print))
    print(decision)
    assert decision.action == "swapped"
    assert decision.difference is not None
    assert decision.difference.low > 0
    improved = find_plugin(plugin)
    parts = {"mutator": Fixed(seed_program("no_memory").source)}
    arguments = overrides_of({"budget": 1, "jobs": 1}, parts=parts)
    config = merged(CampaignConfig(), arguments.overrides, source="a test")
    config = merged(config, {"sandbox.backend": "process"}, source="a test")
    worse = improve(plugin, home, Attempt(config, components=arguments.components, unsafe_local=True))
    assert worse.action == "kept"
    assert find_plugin(plugin) == improved
    roll_back(plugin)
    assert recalled_all(plugin, home, questions) == before


def order(sessions: list[Any]) -> Callable[[str], int]:
    numbers = {episode.id: number for number, episode in enumerate(sessions)}
    return lambda ident: numbers[ident]


def recalled_all(plugin: Path, home: Path, questions: list[str]) -> list[str]:
    with evolve.load(plugin, path=home, trust=True, reextract=True) as memory:
        return [memory.recall(question) for question in questions]
