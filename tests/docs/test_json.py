"""The page on JSON outputs has the fields that the commands print, and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import evolve
from evolve.cli import app
from evolve.mutation.agentic.transcript import Beginning, Carried, Ending, Spoken, Transcript
from evolve.plugins.versions import Decision, Versions
from evolve.records import Failure
from evolve.runs.requests import SteeringRequest, append_request
from tests.campaign.small import small

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text()
SMALL = str(Path(__file__).parents[1] / "campaign" / "small.py")
COMMANDS = {
    "runs": "runs",
    "front RUN": "front mine",
    "show RUN [ID]": "show mine 1",
    "evaluate PROGRAM": f"evaluate lexical -b {SMALL} --trust --static 4 --sandbox process --unsafe-local",
    "bench": f"bench -p lexical -p hybrid -b {SMALL} --trust --split static --static 4 --against lexical "
    "--sandbox process --unsafe-local",
    "trace RUN ID ITEM": "trace mine 0 TASK",
    "trace RUN ID": "trace mine 1",
    "explain RUN [ID]": "explain mine",
    "progress RUN": "progress mine",
    "lineage RUN [ID]": "lineage mine",
    "compare RUN RUN...": "compare mine mine",
    "diff RUN A B": "diff mine 0 1",
    "notes RUN": "notes mine",
    "hint RUN": "hint mine",
    "improve PLUGIN": "improve PLUGIN --data MEMORY --budget 0 --sandbox process --unsafe-local",
    "rollback PLUGIN": "rollback PLUGIN",
    "seeds": "seeds",
    "seeds show NAME": "seeds show lexical",
    "benchmarks": "benchmarks",
    "benchmarks show NAME": "benchmarks show chronicle",
    "benchmarks check NAME": "benchmarks check chronicle",
    "benchmarks from-log DATA": "benchmarks from-log MEMORY --out OUT",
    "models": "models",
    "doctor": "doctor",
}
"""Heading of the page → words to give."""
NOT_HERE = {
    "benchmarks": {"[].episodes", "[].validation", "[].test", "[].partial", "[].missing", "[].invalid"},
    "benchmarks show NAME": {"missing", "invalid"},
    "benchmarks from-log DATA": {"review", "questions"},
}
"""Fields that are printed in other circumstances, such as those of benchmarks without data."""
WITHOUT_RUNS = {"improve", "rollback", "seeds", "benchmarks", "models", "doctor"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small run, which has a hint, and a candidate that an agent made."""
    folder = tmp_path_factory.mktemp("runs")
    evolve.run(
        small(Path()),
        programs=["lexical", "hybrid"],
        max_candidates=2,
        jobs=1,
        run=folder / "mine",
        sandbox="process",
        unsafe_local=True,
        settings={"evaluation.static": 4, "evaluation.test": 4, "sandbox.pool": 0},
    )
    append_request(folder / "mine", SteeringRequest(action="hint", text="Keep the dates."))
    begun = Beginning(key="k", number=1, parent=0, proposer="openai/x", files=3)
    transcript = Transcript(folder / "mine" / "proposals" / "1.jsonl", begun)
    transcript.add(Spoken(text="Look.", calls=(("list", "{}", "c"),), seconds=1.5))
    transcript.add(Carried(call="list", text="parent.py", seconds=0.5))
    transcript.add(Ending(reason="submitted"))
    transcript.close()
    return folder


@pytest.fixture(scope="module")
def words(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Places and names that the words stand for; the plug-in was swapped once, and its memory was used."""
    folder = tmp_path_factory.mktemp("plugins")
    done = CliRunner().invoke(
        app, ["export", "mine", "0", "--name", "mine", "--out", str(folder), "--root", str(root)]
    )
    assert done.exit_code == 0, done.output
    plugin = folder / "mine"
    with evolve.load(plugin, path=folder / "memory", sandbox="process", trust=True, usage_log=True) as memory:
        for number in range(8):
            memory.remember(f"Friend {number} lives in house {number}.")
            memory.feedback(memory.recall(f"Where does friend {number} live?").id, f"in house {number}")
    versions = Versions.of(plugin)
    versions.swap(versions.folder, Decision(at="", action="swapped", deployed="", version=0))
    asked = evolve.open_run(root / "mine").candidates[0].evaluations[0].items
    return {
        "TASK": next(iter(asked)).task,
        "PLUGIN": str(plugin),
        "MEMORY": str(folder / "memory"),
        "OUT": str(folder / "benchmark"),
    }


def name_of(heading: str) -> str:
    """The command of a heading: ``benchmarks show`` of ``benchmarks show NAME``."""
    return " ".join(word for word in heading.split() if word.islower())


def headings() -> dict[str, str]:
    """What is said to be given → the text of its section."""
    found = {}
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        found |= dict.fromkeys(re.findall(r"`evolve ([^`]+)`", title), text)
    return found


def fields_of(record: str) -> set[str]:
    """Names of the fields of a record of the first table."""
    row = re.search(rf"^\| {record} \| (.+) \|$", PAGE, flags=re.MULTILINE)
    assert row, f"no record {record} on the page"
    return set(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", row.group(1))))


def documented(heading: str) -> set[str]:
    """The paths of the fields of a command, as the page has them."""
    section = headings()[heading]
    found: set[str] = set()
    for paths, meaning in re.findall(r"^\| (.+?) \| (.+) \|$", section, flags=re.MULTILINE):
        for path in re.findall(r"`([^`]+)`", paths):
            one = re.search(r"each an (\w+)$", meaning) if path.endswith("[]") else None
            found |= {f"{path}.{name}" for name in fields_of(one.group(1))} if one else {path}
    whole = re.match(r"\s*An? (\w+), and these fields:", section)
    return found | fields_of(whole.group(1)) if whole else found


def printed(value: Any, known: set[str], path: str = "") -> set[str]:
    """The paths of the fields of a document, down to those that the page knows."""
    if path in known:
        return {path}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return set().union(*(printed(entry, known, f"{path}[]") for entry in value))
    inner_names = {name for name in known if name.startswith((f"{path}[]", f"{path}."))}
    if not value and inner_names:
        return inner_names
    if isinstance(value, dict):
        return set().union(
            *(printed(inner, known, f"{path}.{key}" if path else key) for key, inner in value.items())
        )
    return {path}


def json_of(heading: str, root: Path, words: dict[str, str]) -> Any:
    given = [words.get(word, word) for word in COMMANDS[heading].split()]
    if given[0] not in WITHOUT_RUNS:
        given += ["--root", str(root)]
    done = CliRunner().invoke(app, [*given, "--json"])
    assert done.exit_code in (0, 1), done.output
    return json.loads(done.stdout)


def with_json(command: Any, name: str = "") -> Iterator[str]:
    """Commands with ``--json``; ``seeds list`` is the same as ``seeds``."""
    for word, inner in getattr(command, "commands", {}).items():
        yield from with_json(inner, f"{name} {word}".removesuffix(" list").strip())
    if not hasattr(command, "commands") and any("--json" in option.opts for option in command.params):
        yield name


def test_every_command_with_json_is_on_the_page() -> None:
    printing = set(with_json(typer.main.get_command(app)))
    print(f"{len(printing)} commands print JSON, with {len(headings())} documented forms")
    assert {name_of(heading) for heading in headings()} == printing
    assert set(headings()) == set(COMMANDS), "give the words of each heading in COMMANDS"


@pytest.mark.parametrize("heading", COMMANDS)
def test_the_fields_of_a_command_are_those_of_the_page(
    heading: str, root: Path, words: dict[str, str]
) -> None:
    known = documented(heading)
    assert known
    found = printed(json_of(heading, root, words), known)
    assert found <= known
    assert known - found <= NOT_HERE.get(heading, set())


def test_a_review_that_is_written_has_the_fields_of_the_page(words: dict[str, str], tmp_path: Path) -> None:
    given = ["benchmarks", "from-log", words["MEMORY"], "--out", str(tmp_path / "out"), "--json"]
    done = CliRunner().invoke(app, [*given, "--review", str(tmp_path / "review.jsonl")])
    assert set(json.loads(done.stdout)) == {"review", "questions", "left_out"}


def test_the_records_have_the_fields_of_the_page(root: Path, words: dict[str, str]) -> None:
    shown, trace = json_of("show RUN [ID]", root, words), json_of("trace RUN ID ITEM", root, words)
    assert set(shown["quality"]) == fields_of("interval") - {"tasks", "groups"}
    assert set(trace["usage"]) == fields_of("usage")
    assert set(Failure.model_fields) == fields_of("failure")
