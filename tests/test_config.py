"""The configuration: round trip, error messages, what may change on resume."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from evolve.config import (
    MAY_CHANGE,
    CampaignConfig,
    EvaluationConfig,
    ModelsConfig,
    SandboxConfig,
    SearchConfig,
    check_resumable,
    flattened,
    load_config,
    merged,
    parse_recorded,
    to_toml,
    with_window,
)
from evolve.errors import UsageError
from evolve.population import objective, objectives_of
from evolve.sandboxes.protocol import Limits

names = st.text(st.characters(codec="utf-8", exclude_characters="/", exclude_categories=("Cs",)), min_size=1)
configs = st.builds(
    CampaignConfig,
    benchmark=names.filter(lambda text: not text.endswith(".py")),
    benchmark_options=st.dictionaries(names, st.text(st.characters(codec="utf-8"))),
    data_dir=st.none() | st.just(Path("/data/some where")),
    seeds=st.lists(names, min_size=1, max_size=3, unique=True).map(tuple),
    seed=st.integers(0, 2**40),
    budget=st.integers(0, 10**6),
    jobs=st.integers(1, 64),
    max_seconds=st.none() | st.floats(0.001, 1e9),
    search=st.builds(
        SearchConfig,
        selection=st.sampled_from(["softmax", "pareto", "max"]),
        temperature=st.floats(1e-6, 1e3),
        objectives=st.sampled_from([("quality",), ("cost", "quality"), ("quality", "size", "latency")]),
        attribution=st.booleans(),
        freeze=st.sampled_from([None, "instructions", "code"]),
    ),
    evaluation=st.builds(
        EvaluationConfig,
        static=st.integers(1, 10**4),
        episode_ratio=st.none() | st.floats(0.01, 100),
        metric=st.sampled_from(["auto", "f1", "coverage"]),
    ),
    sandbox=st.builds(SandboxConfig, backend=st.sampled_from(["auto", "docker", "bwrap", "process"])),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(configs)
def test_toml_round_trip(tmp_path_factory: pytest.TempPathFactory, config: CampaignConfig) -> None:
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_bytes(to_toml(config).encode("utf-8"))
    assert load_config(path) == config


def test_defaults_are_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.toml"
    path.write_text("")
    assert load_config(path) == CampaignConfig()


def refused(tmp_path: Path, text: str) -> str:
    path = tmp_path / "campaign.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("buget = 3", ["buget: unknown key, did you mean budget?", "the top level has benchmark,"]),
        (
            "[search]\ntemprature = 1.0",
            ["search.temprature: unknown key, did you mean temperature?", "section [search] has"],
        ),
        ("[serach]\ntemperature = 1.0", ["serach: unknown key, did you mean search?"]),
        ("budget = 'many'", ["budget: found 'many'", "should be a valid integer"]),
        ("budget = -1", ["budget: found -1", "greater than or equal to 0"]),
        ("jobs = 0", ["jobs: found 0"]),
        ("search = 3", ["search: found 3"]),
        (
            "[search]\nselection = 'best'",
            ["search.selection: found 'best'", "'softmax'", "'pareto'", "'max'"],
        ),
        ("[search]\ntemperature = nan", ["search.temperature: found nan"]),
        ("[search]\nobjectives = ['cost']", ["search.objectives", "quality must be among"]),
        ("[search]\nobjectives = ['quality', 'quality']", ["given more than once: quality"]),
        ("[evaluation]\nmetric = 'coverege'", ["found 'coverege'", "f1, ", "did you mean coverage?"]),
        ("[models.task]\nmodle = 'x'", ["models.task.modle: unknown key", "did you mean model?"]),
        ("[[models.reflectors]]\nweigth = 2", ["models.reflectors.0.weigth", "did you mean weight?"]),
        ("[models.task.parameters]\napi_key = 'x'", ["looks like a secret", "key_env"]),
        ("[models.task.parameters.extra_headers]\nAuthorization = 'x'", ["looks like a secret"]),
        ("seeds = []", ["seeds: found []"]),
        ("seeds = ['lexical', 'lexical']", ["given more than once: lexical"]),
        ("budget = 1\njobs = 0\nnope = 1", ["jobs: found 0", "nope: unknown key"]),
        ("budget == 1", ["not valid TOML", "line 1"]),
    ],
)
def test_says_what_was_found_and_what_is_expected(tmp_path: Path, text: str, expected: list[str]) -> None:
    message = refused(tmp_path, text)
    for part in expected:
        assert part in message


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no configuration file at"):
        load_config(tmp_path / "absent.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        load_config(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'benchmark = "\xe9"')
    with pytest.raises(UsageError, match="cannot be read"):
        load_config(tmp_path / "latin.toml")


def test_paths_are_made_absolute_and_names_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = CampaignConfig(benchmark="mine.py", data_dir=Path("data"), seeds=("lexical", "own/seed.py"))
    assert config.benchmark == str(tmp_path / "mine.py")
    assert config.data_dir == tmp_path / "data"
    assert config.seeds == ("lexical", str(tmp_path / "own" / "seed.py"))


def test_is_frozen() -> None:
    with pytest.raises(ValidationError):
        CampaignConfig().budget = 3  # type: ignore[misc]


def test_merged_replaces_only_what_is_named() -> None:
    base = CampaignConfig(budget=7)
    config = merged(base, {"jobs": 3, "search.selection": "pareto"})
    assert (config.budget, config.jobs, config.search.selection) == (7, 3, "pareto")
    assert merged(base, {}) == base
    with pytest.raises(UsageError, match=r"from the command line.*\n.*search.selektion: unknown key"):
        merged(base, {"search.selektion": "pareto"})


@given(configs, configs)
def test_resuming_refuses_exactly_what_decides_results(old: CampaignConfig, new: CampaignConfig) -> None:
    before, after = flattened(old), flattened(new)
    changed = {key for key in before if before[key] != after[key]} - MAY_CHANGE
    if not changed:
        check_resumable(old, new)
        return
    with pytest.raises(UsageError) as caught:
        check_resumable(old, new)
    message = str(caught.value)
    for key in before:
        assert (f"  {key}: {before[key]!r} recorded, {after[key]!r} given" in message) == (key in changed)


def test_what_may_change_on_resume() -> None:
    old = CampaignConfig()
    check_resumable(
        old, merged(old, {"budget": 99, "jobs": 9, "max_seconds": 5, "sandbox.backend": "process"})
    )
    with pytest.raises(UsageError, match="--name"):
        check_resumable(old, merged(old, {"window": 5}))
    assert set(flattened(old)) >= MAY_CHANGE


def test_a_parent_is_chosen_as_was_measured_to_pay_for_whoever_makes_children() -> None:
    assert CampaignConfig().selection == "max"
    model = {"models.reflector.model": "openai/gpt-4o"}
    assert merged(CampaignConfig(), model).selection == "max"  # rules take part, and the agent is offline
    alone = {**model, "search.mutators": "model"}
    assert merged(CampaignConfig(), alone).selection == "softmax"
    assert merged(CampaignConfig(), {**model, "models.task.model": "openai/gpt-4o"}).selection == "softmax"
    assert merged(CampaignConfig(), {**model, "search.selection": "pareto"}).selection == "pareto"


def test_latencies_of_a_run_that_was_recorded_without_a_tolerance_have_none(tmp_path: Path) -> None:
    new = ("latency_tolerance", "latency_margin")
    path = tmp_path / "config.toml"
    lines = to_toml(CampaignConfig(window=2)).splitlines(keepends=True)
    path.write_text("".join(line for line in lines if line.partition(" = ")[0] not in new))
    recorded = parse_recorded(path.read_bytes(), path)
    assert [axis.tolerant for axis in objectives_of(recorded.search)] == [False, False, False]
    assert objectives_of(recorded.search)[2] == objective("latency")
    resumed = with_window(CampaignConfig(), recorded)
    check_resumable(recorded, resumed)
    assert resumed.search == recorded.search


def test_the_tolerance_of_a_run_is_recorded_and_kept(tmp_path: Path) -> None:
    given = merged(CampaignConfig(window=2), {"search.latency_tolerance": 3.0, "search.latency_margin": 0.0})
    path = tmp_path / "config.toml"
    path.write_text(to_toml(given))
    recorded = parse_recorded(path.read_bytes(), path)
    assert (recorded.search.latency_tolerance, recorded.search.latency_margin) == (3.0, 0.0)
    assert with_window(CampaignConfig(), recorded).search == recorded.search
    with pytest.raises(UsageError, match=r"search\.latency_tolerance: 3\.0 recorded, 1\.5 given"):
        check_resumable(recorded, merged(given, {"search.latency_tolerance": 1.5}))


def test_a_tolerance_below_one_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"search\.latency_tolerance: found 0\.5; .*greater than or equal to 1"
    ):
        merged(CampaignConfig(), {"search.latency_tolerance": 0.5})


def test_a_window_that_is_left_out_is_the_recorded_one_or_as_wide_as_the_jobs() -> None:
    given = CampaignConfig(jobs=3)
    assert given.under_way == with_window(given, None).window == 3
    assert with_window(given, CampaignConfig(window=7)).window == 7
    assert with_window(given, CampaignConfig(jobs=5)).window == 5
    assert with_window(CampaignConfig(jobs=3, window=1), CampaignConfig(window=7)).window == 1


def test_the_sandbox_section_gives_its_limits_to_the_sandbox() -> None:
    section = SandboxConfig(memory_mb=100, read_characters=5, backend="process", pool=0)
    assert section.limits() == Limits(memory_mb=100, read_characters=5)


def test_every_field_is_described() -> None:
    for section in (SearchConfig, EvaluationConfig, SandboxConfig, ModelsConfig):
        assert all(field.description for field in section.model_fields.values())
    assert all(
        field.description
        for name, field in CampaignConfig.model_fields.items()
        if name not in {"search", "evaluation", "sandbox", "models"}
    )
