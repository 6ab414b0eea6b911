"""Every loader is tested on records in the official format, and on the real data where there are any."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from evolve.benchmark import available, default_data_dir, find
from evolve.environments.simulator import Simulator
from tests.benchmarks.test_damaged_data import FILES

HERE = Path(__file__).parent
FORMATS = {
    "alfworld": "test_alfworld.py::test_the_official_folder_is_read_as_it_is",
    "beam": "test_memory_benchmarks.py::test_beam_cuts_batches_and_marks_by_rubric",
    "halumem": "test_halumem.py::test_halumem_asks_users_of_their_own_memory",
    "healthbench": "test_rubric_benchmarks.py::test_a_conversation_becomes_a_task_and_an_episode",
    "hotpotqa": "test_published_formats.py::test_hotpotqa_pools_the_paragraphs",
    "locomo": "test_locomo.py::test_a_session_is_an_episode_in_the_order_of_time",
    "longmemeval": "test_longmemeval.py::test_each_question_has_a_memory_of_its_own_history_by_time",
    "longmemeval_v2": "test_published_formats.py"
    "::test_longmemeval_v2_shares_a_memory_where_the_haystack_is_the_same",
    "memory_agent_bench": "test_memory_benchmarks.py::test_memory_agent_bench_in_either_form",
    "minteval": "test_published_formats.py::test_minteval_in_either_form",
    "personamem": "test_memory_benchmarks.py::test_personamem_asks_at_its_moment_of_a_shared_history",
    "prbench": "test_rubric_benchmarks.py::test_the_official_files_are_parquet",
    "scienceworld": "test_scienceworld.py::test_what_the_engine_told_is_laid_out",
    "textworld": "test_textworld.py::test_given_games_are_cut_into_episodes_and_tasks",
}
"""Benchmark → the test that loads a fixture in the format of its source."""
GENERATED = {"chronicle", "household"}
"""Benchmarks that are made here, from a seed."""


def test_every_benchmark_has_a_fixture_in_its_official_format() -> None:
    assert FORMATS.keys() | GENERATED == {entry.name for entry in available()}
    for name, test in FORMATS.items():
        file, function = test.split("::")
        source = (HERE / file).read_text()
        tests = {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)}
        assert function in tests, test
        assert f'"{name}"' in source, f"{file} never loads {name}"


@pytest.mark.skipif(not os.environ.get("EVOLVE_DATA"), reason="$EVOLVE_DATA is not set")
def test_all_real_data_are_loaded_by_a_test() -> None:
    """``test_damaged_data`` loads the first file of each benchmark, whole and damaged."""
    there = {entry.name for entry in available() if any(default_data_dir(entry.name).glob("*"))}
    assert there <= FILES.keys()
    for name in there:
        assert (default_data_dir(name) / FILES[name][0]).is_file(), name


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("alfworld", {"test": "seen"}),
        ("healthbench", {"clipping": "mean"}),
        ("hotpotqa", {"scope": "grouped"}),
        ("locomo", {"scope": "pooled"}),
        ("longmemeval", {"variant": "s"}),
    ],
)
def test_real_data_load_with_other_options_as_another_benchmark(
    name: str, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Simulator, "require", lambda self: None)  # only records are read
    if not default_data_dir(name).is_dir():
        pytest.skip(f"no data in $EVOLVE_DATA/{name}")
    loaded, usual = find(name).load(options=options), find(name).load()
    assert loaded.validation
    assert loaded.test
    assert (loaded.version, loaded.scope, loaded.metric) != (usual.version, usual.scope, usual.metric)
