"""The contract of a benchmark, and how one is found and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evolve.benchmark import Benchmark, available, benchmark, default_data_dir, find
from evolve.errors import UsageError
from evolve.records import Episode, Task

FILE = '''
from __future__ import annotations
from dataclasses import dataclass
from pathlib import Path
from evolve.benchmark import Benchmark, benchmark
from evolve.records import Episode, Task

@dataclass
class Line:
    text: str

@benchmark
def mine(data_dir: Path, *, size: int = 2, loud: bool = False, word: str = "hi", share: float = 0.5):
    """A small one.

    More about it.
    """
    tasks = [Task(id=str(n), question=Line(word).text, answers=("a",)) for n in range(size)]
    card = {"loud": str(loud), "share": str(share), "data_dir": str(data_dir)}
    return Benchmark("mine", (Episode(id="e", text="t"),), tuple(tasks[:1]), tuple(tasks[1:]), card=card)
'''


def made(**changes: Any) -> Benchmark:
    given: dict[str, Any] = {
        "name": "b",
        "episodes": (Episode(id="e1", text="x", group="g"), Episode(id="e2", text="y", group="h")),
        "validation": (Task(id="v", question="?", answers=("a",), group="g"),),
        "test": (Task(id="t", question="?", answers=("a",), group="h"),),
        "scope": "grouped",
    }
    return Benchmark(**given | changes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(FILE, encoding="utf-8")
    return file


def test_grouped_memory_holds_the_episodes_of_its_group() -> None:
    assert [e.id for e in made().of_groups(["h"])] == ["e2"]
    assert [e.id for e in made().of_groups(["h", "g"])] == ["e1", "e2"]
    assert [e.id for e in made(scope="pooled").of_groups(["h"])] == ["e1", "e2"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scope": "both"}, "scope is 'both'; expected pooled or grouped"),
        ({"metric": "f2"}, "metric 'f2' is unknown; expected one of f1"),
        ({"retrieval_metric": "recall"}, "metric 'recall' is unknown"),
        ({"episodes": ()}, "episodes is empty"),
        ({"test": ()}, "test is empty"),
        (
            {"episodes": (Episode(id="e", text="x", group="g"),) * 2},
            "episodes has the same id more than once: e",
        ),
        ({"test": made().validation}, "stand in validation and in test: v"),
        ({"test": (Task(id="t", question="?", answers=("a",), group="z"),)}, "task t asks about group 'z'"),
    ],
)
def test_an_invalid_benchmark_says_what_is_wrong(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        made(**changes)


def test_a_group_without_episodes_is_no_problem_in_pooled_scope() -> None:
    made(scope="pooled", test=(Task(id="t", question="?", answers=("a",), group="z"),))


def test_all_problems_are_told_at_once_but_no_more_than_eight() -> None:
    lost = tuple(Task(id=f"t{n}", question="?", answers=("a",), group="z") for n in range(10))
    with pytest.raises(UsageError) as caught:
        made(test=lost, metric="f2")
    assert str(caught.value).count("\n  - ") == 8
    assert "and 3 more" in str(caught.value)


def test_the_installed_benchmarks_are_found_by_name() -> None:
    entries = {entry.name: entry for entry in available()}
    assert {"chronicle", "locomo"} <= entries.keys()
    assert entries["locomo"].options == {"scope": "grouped", "labels": "original", "adversarial": False}
    assert all(entry.summary.endswith(".") for entry in entries.values())


def test_a_file_of_the_users_own_is_found_by_path(path: Path) -> None:
    entry = find(str(path))
    assert (entry.name, entry.summary) == ("mine", "A small one.")
    assert entry.options == {"size": 2, "loud": False, "word": "hi", "share": 0.5}
    assert len(entry.load(path.parent).test) == 1


def test_a_folder_is_named_after_itself(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "benchmark.py").write_text(FILE, encoding="utf-8")
    assert find(str(tmp_path / "ours")).name == "ours"


def test_options_are_read_as_the_type_of_their_default(path: Path) -> None:
    loaded = find(str(path)).load(path.parent, {"size": "5", "loud": "Yes", "word": "7", "share": "0.25"})
    assert len(loaded.test) == 4
    assert loaded.validation[0].question == "7"
    assert (loaded.card["loud"], loaded.card["share"]) == ("True", "0.25")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sise": "5"}, "no option 'sise'; it has size, loud, word, share"),
        ({"size": "five"}, "size='five' is not of type int, as 2 is"),
        ({"loud": "maybe"}, "loud='maybe' is not of type bool"),
    ],
)
def test_a_wrong_option_is_named(path: Path, options: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find(str(path)).load(path.parent, options)


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(UsageError, match=r"no benchmark called 'lokomo'. There are: .*chronicle, .*locomo"):
        find("lokomo")


@pytest.mark.parametrize("given", ["nowhere/mine.py", "mine.py", "some/folder"])
def test_a_path_to_nothing_is_told(given: str) -> None:
    with pytest.raises(UsageError, match="no benchmark file at"):
        find(given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "defines 0 benchmarks; expected one function marked with @benchmark"),
        (FILE + "\n@benchmark\ndef second(data_dir): ...\n", "defines 2 benchmarks"),
        ("def", "failed to load: SyntaxError"),
        ("import nowhere_at_all", "failed to load: ModuleNotFoundError"),
    ],
)
def test_a_file_that_defines_no_benchmark_is_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "odd.py").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        find(str(tmp_path / "odd.py"))


def test_data_are_looked_for_in_the_environment_then_in_the_cache(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("EVOLVE_DATA", raising=False)
    assert default_data_dir("locomo") == tmp_path / "evolve" / "data" / "locomo"
    monkeypatch.setenv("EVOLVE_DATA", str(tmp_path / "data"))
    assert default_data_dir("locomo") == tmp_path / "data" / "locomo"
    assert find(str(path)).load().card["data_dir"] == str(tmp_path / "data" / "mine")


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("def odd()", r"function odd in .*odd\.py cannot be called.*Expected: def odd\(data_dir: Path"),
        ("def odd(data_dir, size)", "missing a required argument: 'size'"),
        ("def odd(*, data_dir)", "too many positional arguments"),
    ],
)
def test_a_function_that_cannot_be_called_says_what_it_must_take(
    tmp_path: Path, head: str, said: str
) -> None:
    (tmp_path / "odd.py").write_text(
        f"from evolve.benchmark import benchmark\n@benchmark\n{head}: return None", "utf-8"
    )
    with pytest.raises(UsageError, match=said):
        find(str(tmp_path / "odd.py")).load()


def test_a_function_that_returns_no_benchmark_is_told(tmp_path: Path) -> None:
    text = "from evolve.benchmark import benchmark\n@benchmark\ndef odd(data_dir): return [1]"
    (tmp_path / "odd.py").write_text(text, "utf-8")
    with pytest.raises(UsageError, match="returned list, where a Benchmark is expected"):
        find(str(tmp_path / "odd.py")).load()


def test_what_is_required_is_checked_before_it_is_loaded(tmp_path: Path) -> None:
    text = """
from evolve.benchmark import benchmark
from evolve.errors import UsageError
def engine(data_dir):
    raise UsageError(f"no engine in {data_dir.name}")
@benchmark(card={"licence": "MIT"}, requires=engine)
def odd(data_dir): 1 / 0
"""
    (tmp_path / "odd.py").write_text(text, "utf-8")
    entry = find(str(tmp_path / "odd.py"))
    assert entry.card == {"licence": "MIT"}
    with pytest.raises(UsageError, match="no engine in here"):
        entry.load(tmp_path / "here")


def test_the_decorator_leaves_the_function_as_it_is() -> None:
    def loader(data_dir: Path) -> Benchmark:
        return made()

    assert benchmark(loader) is loader
    assert loader(Path()).name == "b"
