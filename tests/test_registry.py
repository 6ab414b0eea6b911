"""The registry: names, sources, plug-ins that are broken, and what an object must have."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import EntryPoint
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from evolve.components import Components
from evolve.config import CampaignConfig, load_config, merged, parse_recorded
from evolve.errors import UsageError
from evolve.inspection.doctor import doctor_data, doctor_view, registered_data
from evolve.kinds import BUILT_IN, KINDS, Kind, group
from evolve.population import SELECTORS
from evolve.registry import REGISTRY, Register, Registry

CHECKED = {"seconds": 0.1, "found": {}, "passed": True}


class First:
    """A selector that takes what it is offered."""

    def __init__(self, temperature: float = 1.0) -> None:
        self.temperature = temperature

    def select(self, candidates, archive, rng):
        return candidates[0]


def plugins(**modules: str) -> Callable[[str], Iterable[EntryPoint]]:
    """Selectors of installed packages: name → where each is defined."""
    entries = [EntryPoint(name, where, group("selector")) for name, where in modules.items()]
    return lambda wanted: [entry for entry in entries if entry.group == wanted]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module of a plug-in that works, beside one that does not."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "working_plugin.py").write_text(
        "class Last:\n    def select(self, candidates, archive, rng):\n        return candidates[-1]\n"
    )
    (tmp_path / "broken_plugin.py").write_text("import a_module_that_nobody_has\n")
    yield tmp_path
    for name in ("working_plugin", "broken_plugin"):
        sys.modules.pop(name, None)


def test_built_in_names_lead_to_what_they_name() -> None:
    made = {name: REGISTRY.make("selector", name, temperature=0.3) for name in BUILT_IN["selector"]}
    assert {name: type(selector) for name, selector in made.items()} == dict(SELECTORS)
    assert made["softmax"].temperature == made["recency"].temperature == 0.3
    for kind in KINDS:
        for name, where in BUILT_IN[kind].items():
            if where and "gepa" not in where:
                assert callable(REGISTRY.get(kind, name))


def test_a_class_takes_what_is_offered_and_an_object_is_taken_as_it_is() -> None:
    registry = Registry(plugins())
    registry.add("selector", "first", First)
    same = First(7)
    registry.add("selector", "same", same)
    registry.add("selector", "function", lambda temperature: First(temperature * 2))
    assert registry.make("selector", "first", temperature=0.2, config=None).temperature == 0.2
    assert registry.make("selector", "same", temperature=0.2) is same
    assert registry.make("selector", "function", temperature=0.2).temperature == 0.4


def test_a_decorator_leaves_what_it_registers_as_it_is() -> None:
    registry = Registry(plugins())
    register = Register(registry)
    assert register.selector("first")(First) is First
    for kind in KINDS:
        assert getattr(register, kind)("mine", First) is First
        assert registry.has(kind, "mine")
    register.selector("first", First)  # a cell of a notebook that is run again


@pytest.mark.parametrize(
    ("kind", "name", "thing", "expected"),
    [
        ("selector", "max", First, "a built-in selector"),
        ("selector", "a b", First, "cannot be the name of a selector"),
        ("selector", "mine", 3, "int has no select"),
        ("mutator", "mine", First(), "First has no identity, mutate"),
    ],
)
def test_what_cannot_be_registered(kind: Kind, name: str, thing: object, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        Registry(plugins()).add(kind, name, thing)


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        (lambda: 3, "int has no select"),
        (lambda colour: First(), "takes colour, which is not offered .* temperature, config"),
    ],
)
def test_what_cannot_be_made(thing: object, expected: str) -> None:
    registry = Registry(plugins())
    registry.add("selector", "mine", thing)
    with pytest.raises(UsageError, match=f"The selector 'mine' of this program.*{expected}"):
        registry.make("selector", "mine", temperature=1, config=None)
    with pytest.raises(UsageError, match=expected):
        Components(selector=thing).make("selector", "max", temperature=1, config=None)


def test_plug_ins_are_listed_without_being_imported(module: Path) -> None:
    registry = Registry(plugins(last="working_plugin:Last", broken="broken_plugin:Any"))
    assert registry.names("selector")[-2:] == ("last", "broken")
    assert registry.has("selector", "broken")
    assert registry.problem("selector", "broken") == ""
    assert not {"working_plugin", "broken_plugin"} & set(sys.modules)
    assert registry.make("selector", "last").select([1, 2], None, None) == 2
    with pytest.raises(UsageError, match=r"'broken' .*a_module_that_nobody_has.*pip uninstall"):
        registry.make("selector", "broken")


def test_two_packages_that_claim_one_name_are_named() -> None:
    entries = [EntryPoint("mine", f"{package}:Any", group("selector")) for package in ("one", "two")]
    registry = Registry(lambda wanted: entries if wanted == group("selector") else [])
    with pytest.raises(UsageError, match="claimed by one and two"):
        registry.get("selector", "mine")


def test_doctor_names_every_part_and_the_remedy_for_a_broken_one(module: Path) -> None:
    found = plugins(last="working_plugin:Last", broken="broken_plugin:Any", max="working_plugin:Last")
    rows = registered_data(Registry(found))
    by_name = {row["name"]: row for row in rows if row["kind"] == "selector" and row["source"] != "built in"}
    assert by_name["last"] == {
        "kind": "selector",
        "name": "last",
        "source": "working_plugin",
        "problem": "",
    }
    assert "pip uninstall" in by_name["broken"]["problem"]
    assert "taken" in by_name["max"]["problem"]
    assert {row["name"] for row in rows if row["kind"] == "sandbox"} >= {"docker", "bwrap", "process"}


def test_the_view_of_doctor_shows_them() -> None:
    found = doctor_data(
        lambda: {"usable": False, "reason": "", "remedy": ""}, lambda: "none", lambda _: CHECKED
    )
    found["registered"] = registered_data(Registry(plugins(broken="no_such_plugin:Any")))
    console = Console(width=200, record=True, file=StringIO())
    console.print(doctor_view(found))
    text = console.export_text()
    assert "threads, dask" in text
    assert "softmax, pareto, per_item" in text
    assert "pip uninstall no_such_plugin" in " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[search]\nselection = 'nope'", "search.selection"),
        ("[search]\nmutators = 'nope'", "search.mutators"),
        ("[search]\noptimizer = 'nope'", "search.optimizer"),
        ("[evaluation]\nagent = 'nope'", "evaluation.agent"),
        ("[evaluation]\njudge = 'nope'", "evaluation.judge"),
        ("[sandbox]\nbackend = 'nope'", "sandbox.backend"),
        ("executor = 'nope'", "executor"),
    ],
)
def test_a_configuration_lists_the_names_that_there_are(text: str, key: str, tmp_path: Path) -> None:
    path = tmp_path / "campaign.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=f"{key}: found 'nope'; expected one of ") as caught:
        load_config(path)
    kind = {"search.selection": "selector", "evaluation.agent": "agent", "executor": "executor"}.get(key)
    for name in BUILT_IN[kind] if kind else ():  # type: ignore[index]
        assert repr(name) in str(caught.value)


def test_a_run_can_be_read_where_its_plug_in_is_missing() -> None:
    text = b"[search]\nselection = 'gone'\nmutators = 'gone'\n"
    config = parse_recorded(text, Path("config.toml"))
    assert (config.selection, config.mutators) == ("gone", "gone")
    with pytest.raises(UsageError, match=r"search\.selection: found 'gone'"):
        merged(config, {"budget": 3})


def test_a_registered_name_is_one_of_a_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY, "_added", {("selector", "mine"): First, ("mutator", "mine"): First})
    config = merged(CampaignConfig(), {"search.selection": "mine", "search.mutators": "mine"})
    assert (config.selection, config.mutators) == ("mine", "mine")
    with pytest.raises(UsageError, match="did you mean mine"):
        merged(CampaignConfig(), {"search.selection": "mina"})


def test_an_object_of_another_program_is_asked_for() -> None:
    config = merged(CampaignConfig(), {"search.selection": "object:Newest"})
    with pytest.raises(UsageError, match=r"'Newest' is an object .*evolve.run\(..., selector=...\)"):
        Components().make("selector", config.selection)
