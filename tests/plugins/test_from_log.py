"""A benchmark from the use of a memory: what is labelled, what is left out, and that it can be run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import evolve
from evolve.benchmark import find
from evolve.cli import app
from evolve.errors import UsageError
from evolve.plugins import Memory
from evolve.plugins.from_log import write_benchmark
from evolve.plugins.labels import Labels, label
from evolve.plugins.usage import UsageSettings

TOWNS = "Oslo Lima Rome Bern Riga Kyiv Bonn Cork Nice Pisa".split()  # noqa: SIM905


@pytest.fixture
def opened(bind: Callable[..., Path], tmp_path: Path, inline: object) -> Callable[..., Memory]:
    plugin = bind()
    return lambda **more: evolve.load(plugin, path=tmp_path / "memory", sandbox="inline", **more)


@pytest.fixture
def used(opened: Callable[..., Memory], tmp_path: Path) -> Path:
    """The folder of a memory of two users, with feedback of every kind."""
    with opened(usage_log=UsageSettings(redact=(r"\d{4}",))) as memory:
        for number, town in enumerate(TOWNS):
            user = memory.space(f"user-{number % 2}")
            user.remember(f"Friend {number} lives in {town}.", id=f"t{number}")
            user.feedback(user.recall(f"Where does friend {number} live?").id, f"in {town}")
        user = memory.space("user-0")
        user.feedback(user.recall("Who is it?").id, "wrong")
        user.feedback(user.recall("Who is that?").id, "useful")
        user.feedback(user.recall("Which number?").id, "1234")
        user.recall("Nobody said anything?")
        user.feedback(user.recall("Where does friend 2 live?").id, "Rome")
        user.feedback(user.recall("Where does friend 8 live?").id, "Lyon")
        user.correct("t8", "Friend 8 lives in Lyon.")
        single = memory.space("single")
        single.remember("The cat is called Kato.")
        single.feedback(single.recall("What is the cat called?").id, "useful")
    return tmp_path / "memory"


def invoke(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.exit_code, result.stdout, result.stderr


def test_the_folder_is_a_benchmark_with_the_newest_questions_held_out(used: Path, tmp_path: Path) -> None:
    code, out, _ = invoke("benchmarks", "from-log", used, "-o", tmp_path / "mine", "--json")
    assert code == 0
    assert json.loads(out)["left_out"] == {
        "without feedback": 1,
        "wrong, and the right answer is not known": 1,
        "a useful recall, and not of one short text that could be the answer": 1,
        "redacted": 1,
        "asked again later": 1,
        "no text has the answer any more, after a correction": 1,
    }
    assert invoke("benchmarks", "check", tmp_path / "mine")[0] == 0
    benchmark = find(str(tmp_path / "mine")).load(None)
    assert benchmark.scope == "grouped"
    assert (len(benchmark.validation), len(benchmark.test)) == (7, 4)
    newest = {task.question: task for task in benchmark.test}
    assert newest["Where does friend 8 live?"].answers == ("Lyon",)
    assert newest["Where does friend 8 live?"].evidence[0].text == "Friend 8 lives in Lyon."
    assert "What is the cat called?" in newest
    early = {episode.text for episode in benchmark.episodes if episode.group.endswith("/early")}
    asked = {task.question for task in benchmark.validation}
    assert "Friend 9 lives in Pisa." in early, "stored before the first test question"
    assert "The cat is called Kato." not in early
    assert "Where does friend 1 live?" in asked
    assert all(task.group.endswith("/early") and task.evidence for task in benchmark.validation)


def test_a_program_can_be_scored_on_it(used: Path, tmp_path: Path) -> None:
    write_benchmark(label(used), tmp_path / "mine", source="test")
    few = {"evaluation.static": 4}
    found = evolve.evaluate("lexical", tmp_path / "mine", split="test", sandbox="process", settings=few)
    assert found.status == "complete"
    assert found.quality.mean == 1


def test_a_person_reviews_it_first(used: Path, tmp_path: Path) -> None:
    review, out = tmp_path / "review.jsonl", tmp_path / "mine"
    command = ["benchmarks", "from-log", used, "-o", out, "--review", review]
    code, said, _ = invoke(*command)
    assert code == 0
    assert "11 labelled questions" in " ".join(said.split())
    assert not out.exists()
    first, second, *others = map(json.loads, review.read_text().splitlines())
    first["keep"] = False
    second["answer"] = "Lima, in Peru"
    review.write_text("\n".join(map(json.dumps, [first, second, *others[:-1]])) + "\n")
    code, said, _ = invoke(*command)
    assert code == 0
    assert "2 not kept in the review" in " ".join(said.split())
    benchmark = find(str(out)).load(None)
    assert len(benchmark.validation) + len(benchmark.test) == 9
    assert ("Lima, in Peru",) in [task.answers for task in (*benchmark.validation, *benchmark.test)]
    assert invoke(*command)[0] == 2, "the folder is there"
    review.write_text(json.dumps({**second, "evidence": ["nothing"]}) + "\n")
    code, _, err = invoke(*command[:4], tmp_path / "other", "--review", review)
    assert code == 2
    assert "'nothing' is not in the memory" in " ".join(err.split())


def test_a_forgotten_text_is_in_no_benchmark(
    used: Path, opened: Callable[..., Memory], tmp_path: Path
) -> None:
    with opened() as memory:
        memory.space("user-1").forget("t3")
    write_benchmark(label(used), tmp_path / "mine", source="test")
    assert not [path for path in (tmp_path / "mine").iterdir() if b"Bern" in path.read_bytes()]


def test_what_cannot_be_made_is_said(tmp_path: Path, opened: Callable[..., Memory]) -> None:
    with pytest.raises(UsageError, match="is not the folder of a memory"):
        label(tmp_path)
    with opened() as memory:
        memory.remember("one")
        with pytest.raises(UsageError, match="has no usage log"):
            label(memory.path)
    with opened(usage_log=True) as memory:
        memory.recall("what?")
        with pytest.raises(UsageError, match=r"0 questions have a label.*left out: 1 without feedback"):
            write_benchmark(label(memory.path), tmp_path / "mine", source="test")
        (memory.path / "forgetting.json").write_text("[]")
        with pytest.raises(UsageError, match="was interrupted"):
            label(memory.path)
    with pytest.raises(UsageError, match="test_share"):
        write_benchmark(Labels(), tmp_path / "mine", source="test", test_share=1)
    assert not (tmp_path / "mine").exists()
