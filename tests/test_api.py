"""The public API: searches, scores and checks from Python, with parts of one's own, and old runs."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evolve
from evolve.agents.protocol import Grade
from evolve.agents.rules import RuleBasedAgent
from evolve.benchmark import Benchmark
from evolve.campaign.executor import ThreadExecutor
from evolve.campaign.loop import EvolutionarySearch
from evolve.events import Event, Finished, Joined, Started
from evolve.kinds import KINDS
from evolve.program import with_knobs
from evolve.registry import REGISTRY
from evolve.sandboxes.process import ProcessSandbox
from evolve.seeds import seed_path
from tests.campaign.small import small

FEW = {"evaluation.static": 4, "evaluation.test": 4, "sandbox.pool": 0}
QUICK: dict[str, Any] = {"sandbox": "process", "settings": FEW}
BENCHMARK = '''
from pathlib import Path
from evolve.benchmark import benchmark
from tests.campaign import small as module

@benchmark
def small(data_dir):
    """The small one, as a file of somebody's."""
    return module.small(data_dir)
'''


@pytest.fixture
def things() -> Benchmark:
    return small(Path())


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that are registered in a test end with it."""
    monkeypatch.setattr(REGISTRY, "_added", {})


class Newest:
    """A selector in three lines."""

    def select(self, candidates, archive, rng):
        return max((c for c in candidates if c.complete), key=lambda c: c.number)


class Retune:
    """A mutator in six lines; also told what became of what it made."""

    identity = "retune-1"

    def __init__(self) -> None:
        self.told: list[int] = []

    def mutate(self, context, rng):
        name, knob = rng.choice(sorted(context.program.parts.knobs.items()))
        value = int(rng.uniform(knob.low, knob.high))
        program = evolve.MemoryProgram(with_knobs(context.program.source, {name: value}))
        return evolve.Proposal(program, "retune", f"{name} = {value}", (context.parent.number,))

    def observe(self, feedback) -> None:
        self.told.append(feedback.number)


def test_a_search_from_python(things: Benchmark, tmp_path: Path) -> None:
    events: list[Event] = []
    place, watch = tmp_path / "mine", [events.append]
    programs = ["lexical", "hybrid"]
    result = evolve.run(things, programs=programs, max_candidates=2, run=place, callbacks=watch, **QUICK)
    assert result.reason == "budget"
    assert result.run.path == place
    assert isinstance(result.best, evolve.Candidate)
    assert result.best.source == result.best.path.read_text()
    assert result.best.quality is not None
    assert result.best.objectives["quality"] == pytest.approx(result.best.quality.mean)
    assert result.test == result.run.tests[result.best.number]
    assert result.best in result.front
    assert isinstance(events[-1], Finished)
    joined = {e.candidate.number: e.candidate.name for e in events if isinstance(e, Joined)}
    assert (joined[0], joined[1]) == ("lexical", "hybrid"), "numbered as given; they join as they finish"
    assert {len(evaluation.items) for evaluation in result.best.evaluations} == {4}

    past = len(events)
    again = evolve.run(things, run=place, max_candidates=3, callbacks=watch, unsafe_local=True)
    assert again.run.config.budget == 3
    assert isinstance(events[past], Started), "callbacks are told what is recorded now"
    assert len(again.run.events) == len(events)
    with pytest.raises(evolve.UsageError, match=r"seed: 0 recorded, 5 given"):
        evolve.run(things, run=place, seed=5)


def test_objects_in_the_place_of_names(things: Benchmark) -> None:
    mutator = Retune()
    result = evolve.run(
        things,
        programs=["lexical"],
        max_candidates=3,
        jobs=1,
        selector=Newest(),
        mutator=mutator,
        unsafe_local=True,
        **QUICK,
    )
    made = [candidate for candidate in result.run.candidates if candidate.operator == "retune"]
    assert made
    assert made[0].parents == (0,)
    assert mutator.told, "a mutator that learns is told what became of its candidates"
    assert result.run.config.search.selection == "object:Newest"
    assert result.run.config.mutators == "object:Retune"


def test_an_object_is_needed_again_to_resume(things: Benchmark, tmp_path: Path) -> None:
    place = tmp_path / "mine"
    first = evolve.run(things, programs=["lexical"], max_candidates=1, selector=Newest(), run=place, **QUICK)
    assert evolve.open_run(place).best.number == first.best.number, "a look needs no object"
    with pytest.raises(evolve.UsageError, match=r"benchmark 'small' is an object .*benchmark=\.\.\."):
        evolve.run(run=place, max_candidates=2, selector=Newest(), unsafe_local=True)
    with pytest.raises(evolve.UsageError, match="selector 'Newest' is an object"):
        evolve.run(things, run=place, max_candidates=2, unsafe_local=True)
    again = evolve.run(things, run=place, max_candidates=2, selector=Newest(), unsafe_local=True)
    assert again.run.config.budget == 2


class Versioned(Retune):
    """A mutator whose version is an argument."""

    def __init__(self, version: str) -> None:
        super().__init__()
        self.identity = f"versioned-{version}"


@pytest.mark.parametrize("settings", [{}, {"search.freeze": "instructions"}], ids=["tuned", "frozen"])
def test_a_run_goes_on_with_the_mutator_it_was_begun_with_only(
    things: Benchmark, tmp_path: Path, settings: dict[str, object]
) -> None:
    quick = QUICK | {"unsafe_local": True, "settings": {**QUICK["settings"], **settings}}

    def search(mutator: object, candidates: int) -> evolve.Result:
        place = tmp_path / "mine"
        return evolve.run(
            things, programs=["lexical"], max_candidates=candidates, run=place, mutator=mutator, **quick
        )

    search(Versioned("1"), 1)
    assert search(Versioned("1"), 2).run.config.budget == 2
    with pytest.raises(evolve.UsageError, match=r"'versioned-1' is now 'versioned-2'.*Pass the mutator"):
        search(Versioned("2"), 3)
    with pytest.raises(evolve.UsageError, match=r"'object:Versioned' recorded, 'object:Retune' given"):
        search(Retune(), 3)


def test_programs_of_a_custom_mutator_are_not_trusted(things: Benchmark) -> None:
    with pytest.raises(evolve.UsageError, match="unsafe"):
        evolve.run(things, programs=["lexical"], max_candidates=1, mutator=Retune(), **QUICK)


class Terse(RuleBasedAgent):
    """An agent that says one word to everything."""

    @property
    def identity(self) -> str:
        return "terse-1"

    def respond(self, parts, recollections, repeat=0):
        return [
            replace(response, text="Lisbon") for response in super().respond(parts, recollections, repeat)
        ]


class Lenient:
    """A judge that knows one answer."""

    identity = "lenient-1"

    def grade(self, tasks, answers, repeat=0):
        return [Grade(float(answer == "Lisbon")) for answer in answers]


class Letters:
    """An embedder of five dimensions that counts its texts."""

    identity, dimension, waits = "letters-1", 5, False
    seen = 0

    def embed(self, texts):
        Letters.seen += len(texts)
        rows = np.array([[1.0, *(text.count(vowel) for vowel in "aeio")] for text in texts], dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_an_agent_a_judge_and_an_embedder_take_part(things: Benchmark) -> None:
    Letters.seen = 0
    found = evolve.evaluate(
        "vector_search",
        things,
        agent=Terse(),
        judge=Lenient,
        embedder=Letters(),
        sandbox="process",
        settings={**FEW, "evaluation.metric": "judge"},
    )
    assert {item.answer for item in found.items} == {"Lisbon"}
    assert found.quality.mean == 1.0
    assert Letters.seen > 0
    plain = evolve.evaluate("vector_search", things, **QUICK)
    assert plain.conditions != found.conditions


class Counting(ProcessSandbox):
    """A sandbox that counts what it opens."""

    opened = 0

    def open(self, source, services, limits):
        Counting.opened += 1
        return super().open(source, services, limits)


class OneByOne(ThreadExecutor):
    """An executor with a name of its own."""

    made = 0

    def __init__(self, work, jobs, halt):
        super().__init__(work, 1, halt)
        OneByOne.made += 1


class Patient(EvolutionarySearch):
    """An optimizer that counts its searches, and was offered the configuration."""

    searches = 0

    def __init__(self, config):
        self.budget = config.budget

    def run(self, context):
        Patient.searches += self.budget
        return super().run(context)


def test_a_sandbox_an_executor_and_an_optimizer_by_name(things: Benchmark, registered: None) -> None:
    Counting.opened = OneByOne.made = Patient.searches = 0
    evolve.register.sandbox("counting", Counting)
    evolve.register.executor("one-by-one", OneByOne)
    evolve.register.optimizer("patient", Patient)
    evolve.register.benchmark("things", things)
    result = evolve.run(
        "things",
        programs=["lexical"],
        max_candidates=1,
        executor="one-by-one",
        optimizer="patient",
        sandbox="counting",
        settings=FEW,
    )
    assert result.run.config.benchmark == "things"
    assert (OneByOne.made, Patient.searches) == (1, 1)
    assert Counting.opened > 0


def test_programs_as_objects_sources_files_and_members_of_runs(things: Benchmark, tmp_path: Path) -> None:
    source = seed_path("lexical").read_text()
    file = tmp_path / "mine.py"
    file.write_text(source.replace('"""', '"""My own. ', 1))
    own = evolve.MemoryProgram(source.replace('"""', '"""Another. ', 1), name="another")
    first = evolve.run(
        things,
        programs=[file, own, source, "hybrid"],
        max_candidates=0,
        run=tmp_path / "first",
        unsafe_local=True,
        **QUICK,
    )
    assert [candidate.name for candidate in first.run.candidates] == ["mine", "another", "program", "hybrid"]
    second = evolve.run(
        things, programs=["first:1"], max_candidates=0, run=tmp_path / "second", unsafe_local=True, **QUICK
    )
    assert second.best.source == own.source
    resumed = evolve.run(
        things, programs=["first:1"], max_candidates=0, run=tmp_path / "second", unsafe_local=True
    )
    assert len(resumed.run.candidates) == 1


def test_a_run_without_a_place_lives_as_long_as_its_result(things: Benchmark) -> None:
    result = evolve.run(things, programs=["lexical"], max_candidates=0, **QUICK)
    path = result.run.path
    assert path.is_dir()
    del result
    gc.collect()
    assert not path.exists()


def test_what_a_file_of_others_would_execute_is_asked_about(tmp_path: Path) -> None:
    file = tmp_path / "theirs.py"
    file.write_text(BENCHMARK)
    toml = tmp_path / "campaign.toml"
    toml.write_text(f'benchmark = "{file}"\nseeds = ["lexical"]\nbudget = 0\n[evaluation]\nstatic = 4\n')
    with pytest.raises(evolve.UsageError, match="execute the file"):
        evolve.run(config=toml, run=tmp_path / "mine", sandbox="process")
    assert not (tmp_path / "mine").exists()
    assert evolve.run(config=toml, sandbox="process", trust=True).reason == "budget"


def test_the_data_of_every_command(things: Benchmark, tmp_path: Path) -> None:
    run = evolve.run(things, programs=["lexical", "hybrid"], max_candidates=2, **QUICK).run
    assert run.summary()["front"][0]["number"] == run.best.number
    assert run.show()["number"] == run.best.number
    assert run.show(0)["title"] == "lexical"
    assert run.progress()["run"] == run.name
    assert run.explain(0)
    assert run.lineage()
    assert run.diff(0, 0) == []
    assert run.diff(0, 1) != []
    task = run.candidate(0).evaluations[0].items[0].task
    assert run.trace(0, task)
    assert "<html" in run.report(tmp_path / "mine.html").read_text()[:2000]
    package = run.export("my-memory", out=tmp_path)
    assert (package / "pyproject.toml").is_file()
    rows = run.candidates.to_dicts()
    assert [row["number"] for row in rows] == [candidate.number for candidate in run.candidates]
    assert run.candidates[:1].to_dicts() == rows[:1]
    with pytest.raises(evolve.UsageError, match="no candidate '99'"):
        run.candidate(99)


def test_a_check_says_what_is_wrong_and_what_may_be(tmp_path: Path) -> None:
    report = evolve.check("x = 1\n")
    assert not report.ok
    with pytest.raises(evolve.ProgramError, match="contract"):
        report.raise_for_problems()
    source = seed_path("lexical").read_text()
    broken = re.sub(r"(    def read\(.*\n)", r"\1        raise RuntimeError('no')\n", source, count=1)
    assert broken != source
    failed = evolve.check(broken, sandbox="process", unsafe_local=True)
    assert (failed.ok, failed.isolation) == (False, "process")
    with pytest.raises(evolve.ProgramError):
        failed.raise_for_problems()
    evolve.check("lexical", sandbox="process").raise_for_problems()
    with pytest.raises(evolve.UsageError):
        evolve.check(tmp_path / "missing.py")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: evolve.evaluate("lexical", split="train"), "no split 'train'"),
        (lambda: evolve.run(selector="nope"), "search.selection: found 'nope'; expected one of 'softmax'"),
        (lambda: evolve.run(max_candidates=-1), "budget: found -1"),
        (lambda: evolve.run("no-such-benchmark"), "no benchmark called"),
        (lambda: evolve.run(selector=3, programs=["lexical"], sandbox="process"), "int has no select"),
        (lambda: evolve.open_run("no-such-run"), "no run called 'no-such-run'"),
    ],
)
def test_mistakes_are_usage_errors(call: Any, expected: str) -> None:
    with pytest.raises(evolve.UsageError, match=expected):
        call()


def test_importing_evolve_imports_nothing_heavy() -> None:
    code = (
        "import sys\nimport evolve\nevolve.register\nevolve.UsageError\n"
        "heavy = {'numpy', 'pydantic', 'scipy', 'litellm', 'optuna', 'docker', 'joblib', 'rich', 'typer'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_export_is_there() -> None:
    assert len(evolve.__all__) == len(set(evolve.__all__))
    for name in evolve.__all__:
        assert getattr(evolve, name) is not None
    assert set(evolve.__all__) <= set(dir(evolve))
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        evolve.nope  # noqa: B018  # type: ignore[attr-defined]
    assert {kind for kind in KINDS if hasattr(evolve.register, kind)} == set(KINDS)
