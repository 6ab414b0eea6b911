"""What holds for every published memory system that stands in seeds/ as a program."""

from __future__ import annotations

import ast
import re
from difflib import SequenceMatcher
from itertools import combinations
from typing import Any

import pytest
from typer.testing import CliRunner

from evolve import resources
from evolve.agents.rules import RuleBasedAgent
from evolve.benchmark import find
from evolve.cli import app
from evolve.config import DEFAULT_SEEDS
from evolve.models.offline import ExtractiveModel
from evolve.program import MemoryProgram
from evolve.records import Fields

PROGRAMS = {
    path.stem: MemoryProgram.from_file(path) for path in sorted(resources.folder("seeds").glob("*.py"))
}
DEFAULT = set(DEFAULT_SEEDS)
BASELINES = sorted(PROGRAMS.keys() - DEFAULT)
PUBLISHED = sorted(set(BASELINES) - {"bm25"})  # of no paper in the archive
COMPRESSING = ("awm", "dynamic_cheatsheet")  # most of what was said is not kept
ALIKE = 0.6  # of the lines without names and values; the likest two, both tiny, have 0.57
EPISODES = (
    "Session 1, 8 May 2023\nAnn: I planted roses in the garden.\nBob: My train to Lisbon leaves at 7:40.",
    "Session 2, 9 June 2023\nAnn: The roses died, I planted tulips.\nBob: I bought a violin for 300 euros.",
    "Session 3, 2 July 2023\nBob: I sold the violin to Ann.\nAnn: I play it in the garden now.",
)
QUESTIONS = (
    "What did Ann plant in the garden first?",
    "Who owned the violin, and how many euros did it cost?",
    "When does the train leave?",
    "",
)
GIBBERISH = {
    "empty": "",
    "blank": " \n\t\n ",
    "prose": "I am sorry, but I cannot decide this without more context.",
    "words": "memory " * 30_000,
    "blank lines": "\n" * 60_000,
    "dashes": "- " * 60_000,
    "stars": "*\n" * 40_000,
    "numbers": "1, 2, 3, 99999999999999999999, " * 4_000,
    "labels": "Title: x\nRANKING: \nUSE:\nWorkflow:\nN1\nPortrait:\nLINK\nBEGIN SHEET\n" * 500,
    "braces": "{0} {} {x!r} %s {{y}}",
    "unicode": "標題: Зоя 🍵 e\u0301\u202e\x00",
}


@pytest.fixture(params=BASELINES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def filled(program: MemoryProgram, text: str) -> Fields:
    """An item that holds the text in every field, as one of several sentences in a list."""
    kinds: dict[str, Any] = {"list[str]": text.split("\n"), "bool": True}
    return {spec.name: kinds.get(spec.type, text) for spec in program.parts.item}


def asked(program: MemoryProgram, question: str) -> Fields:
    kinds: dict[str, Any] = {"list[str]": question.split()}
    return {spec.name: kinds.get(spec.type, question) for spec in program.parts.query}


def test_all_of_them_are_there():
    assert set(BASELINES) == {
        *("no_memory", "full_context", "bm25", "mem0", "g_memory", "trajectory_retrieval", "reasoning_bank"),
        *("dynamic_cheatsheet", "awm", "hymem", "budget_mem", "super_local_memory", "hiagent"),
        *("agent_runbook", "mem_sifter", "a_mem", "memory_bank"),
        *("expel", "voyager_skills", "memp", "zep_graph", "light_mem", "memory_os"),
    }


def test_it_keeps_the_contract(name):
    program = PROGRAMS[name]
    assert program.problems == ()
    assert all(spec.description for spec in (*program.parts.item, *program.parts.query))
    assert program.parts.knobs or name == "no_memory"


def test_every_knob_is_used(name):
    parts = PROGRAMS[name].parts
    body = "\n".join(parts.methods.values())
    assert [knob for knob in parts.knobs if f'"{knob}"' not in body] == []


def test_its_header_cites_the_paper_and_says_what_was_left_out(name):
    header = ast.get_docstring(ast.parse(PROGRAMS[name].source)) or ""
    assert re.search(r"\b(?:19|20)\d\d\b", header)
    if name in PUBLISHED:
        assert re.search(r"arXiv 2\d{3}\.\d{5}\b", header)
    assert "Simplified: " in header or name == "no_memory"


def test_none_is_a_copy_of_another():
    assert len({program.fingerprint for program in PROGRAMS.values()}) == len(PROGRAMS)
    shapes = {name: shape(program.source) for name, program in PROGRAMS.items()}
    pairs = [pair for pair in combinations(PROGRAMS, 2) if not DEFAULT.issuperset(pair)]
    assert [pair for pair in pairs if alike(*(shapes[name] for name in pair)) > ALIKE] == []


def test_a_renamed_copy_would_be_noticed():
    source = PROGRAMS["mem0"].source
    renamed = re.sub(r"\b(facts|fresh|near|decisions|target|knob)\b", r"\1_x", source).replace(
        "30, 3", "9, 2"
    )
    assert MemoryProgram(renamed).fingerprint != PROGRAMS["mem0"].fingerprint
    assert alike(shape(source), shape(renamed)) > 0.95


def alike(one: list[str], other: list[str]) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def shape(source: str) -> list[str]:
    """Its functions and KnowledgeBase, line by line, with one name for all names and one value for all."""
    tree = ast.parse(source)
    base = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "KnowledgeBase"]
    tree.body = [*(n for n in tree.body if isinstance(n, ast.FunctionDef)), *base]
    return ast.unparse(Nameless().visit(tree)).split("\n")


class Nameless(ast.NodeTransformer):
    """Leaves of the syntax only its form."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant(value=0)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return ast.Constant(value=0)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for name in ("id", "attr", "arg", "name"):
            if isinstance(getattr(node, name, None), str):
                setattr(node, name, "x")
        return super().generic_visit(node)


def test_it_learns_from_a_conversation_with_the_offline_agent(remember, name):
    """Sessions of the embedded benchmark, extracted by the rule-based agent, with the offline model."""
    memory = remember(name)
    model = ExtractiveModel()
    memory.services.reply = lambda prompt: model.complete([{"role": "user", "content": prompt}], {}).text
    bench, agent, parts = find("chronicle").load(), RuleBasedAgent(), memory.program.parts
    group = bench.validation[0].group
    episodes = [episode for episode in bench.episodes if episode.group == group][:8]
    for episode, extraction in zip(episodes, agent.extract(parts, episodes), strict=True):
        memory.session.write(extraction.fields, episode.text)
    texts = "\n".join(episode.text for episode in episodes)
    tasks = [
        task
        for task in bench.validation
        if task.group == group and task.evidence and all(e.text in texts for e in task.evidence)
    ]
    assert tasks
    found, quoted = 0, set()
    for task, formulated in zip(tasks, agent.formulate(parts, tasks), strict=True):
        with memory.session.branch():
            text = memory.session.read(formulated.fields).text
        found += any(evidence.text.partition(": ")[2] in text for evidence in task.evidence)
        quoted |= {line for line in texts.split("\n") if line.partition(": ")[2] and line in text}
    if name == "no_memory":
        assert not quoted
    else:
        assert len(quoted) >= 5
        assert found or name in COMPRESSING


@pytest.mark.slow
def test_no_reply_of_the_model_can_break_it(remember, name):
    memory = remember(name)
    for kind, reply in {**GIBBERISH, "the prompt": None}.items():
        memory.services.reply = (
            (lambda prompt: prompt) if reply is None else (lambda prompt, said=reply: said)
        )
        with memory.session.branch():
            for text in EPISODES:
                memory.session.write(filled(memory.program, text), text)
            for question in QUESTIONS:
                text = memory.session.read(asked(memory.program, question)).text
                assert len(text) <= 3_000
                if name != "no_memory" and question:
                    assert re.search("Ann|Bob|garden", text), kind


def test_a_read_leaves_no_trace(remember, name):
    memory = remember(name)
    memory.services.reply = lambda prompt: "Portrait: Ann loves flowers"
    for text in EPISODES:
        memory.session.write(filled(memory.program, text), text)
    query = asked(memory.program, QUESTIONS[0])
    first = memory.session.read(query).text
    for question in QUESTIONS * 3:
        memory.session.read(asked(memory.program, question))
    assert memory.session.read(query).text == first


def test_an_empty_memory_and_odd_episodes(remember, name):
    memory = remember(name)
    memory.services.reply = lambda prompt: "BEGIN SHEET"
    assert len(memory.read("What is known?")) < 200
    for text in (
        "",
        "\n",
        "heading only",
        "\n\n\n",
        "a" * 30_000,
        "word " * 5_000,
        "e\u0301" * 2_000,
        "{0} {x!r}",
    ):
        memory.session.write(filled(memory.program, text), text)
        memory.write(text)  # the agent found nothing to extract
    for question in ("", "?!", "wine " * 10_000, 'NEAR("a b", 2) OR *', "{0}"):
        assert len(memory.session.read(asked(memory.program, question)).text) <= 3_000


@pytest.mark.parametrize("end", ["low", "high"])
def test_the_ends_of_every_knob_are_lawful(remember, name, end):
    knobs = {knob: getattr(spec, end) for knob, spec in PROGRAMS[name].parts.knobs.items()}
    memory = remember(name, **knobs)
    assert memory.program.problems == ()
    for number in range(8):
        memory.services.reply = lambda prompt, n=number: f"Portrait: {n} " + "likes gardens " * 200
        text = "\n".join([f"Session {number}", *(f"Ann: {n} roses in garden {number}." for n in range(60))])
        memory.session.write(filled(memory.program, text), text)
    for question in QUESTIONS:
        assert len(memory.session.read(asked(memory.program, question)).text) <= 3_000


@pytest.mark.slow
@pytest.mark.docker
def test_it_passes_the_check_in_docker(docker, name):
    result = CliRunner().invoke(app, ["check", name, "--sandbox", "docker"])
    assert result.exit_code == 0, result.output
    assert "keeps the contract and runs (isolation: docker)" in result.output


@pytest.fixture(scope="session")
def docker() -> None:
    from evolve.errors import InfrastructureError
    from evolve.sandboxes.docker import DockerSandbox

    try:
        DockerSandbox.connect().close()
    except InfrastructureError as error:
        pytest.skip(f"no Docker sandbox: {error}")
