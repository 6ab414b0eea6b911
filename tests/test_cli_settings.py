"""Options of the command line that set the configuration: one declaration each, in the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from evolve.bench.config import BenchConfig
from evolve.cli import app
from evolve.cli.bench import FIELDS
from evolve.cli.bench import SETTINGS as OF_BENCH
from evolve.cli.run_options import SETTINGS
from evolve.cli.settings import Setting, takes
from evolve.kinds import BUILT_IN, Kind
from evolve.registry import REGISTRY

ROOT = Path(__file__).parents[1]
KINDS: dict[str, Kind] = {
    "search.optimizer": "optimizer",
    "search.selection": "selector",
    "search.mutators": "mutator",
    "sandbox.backend": "sandbox",
}
FLAGS = {
    "run": """
        -b --attribution --benchmark --budget --cluster --data-dir --dry-run --edit --embedding --freeze
        --judge --max-seconds --max-tokens --max-usd --metric --model --mutators --name --no-attribution
        --no-preflight --objectives --optimizer --option --plain --preflight --preset --programs --prompt
        --prompts-dir --reflector --repeats --root --rotating --sandbox --scope --seed --seeds --selection
        --static --test --trust --unsafe-local --window --jobs -j -m -n -o
    """,
    "bench": """
        -b --against --benchmarks --data-dir --embedding --export --jobs --json --judge --max-tokens --max-usd
        --metric --model --name --programs --root --sandbox --split --static --trust --unsafe-local
        -j -m -n -p
    """,
    "evaluate": """
        -b --benchmark --data-dir --embedding --json --judge --metric --model --option --root --sandbox
        --scope --split --static --trust --unsafe-local -m -o
    """,
    "check": "--root --sandbox --unsafe-local",
    "serve": """
        --allow-host --data --embedding --http --limit --log-days --max-sessions --max-usd --model --redact
        --sandbox --space --token-env --tools --unsafe-local --usage-log -m
    """,
    "improve": """
        --budget --config --data --json --level --model --review --sandbox --test-share --trust
        --unsafe-local --work -m
    """,
}
"""Command → flags that scripts of users may have: all of them are kept."""


def parameters(command: str) -> dict[str, Any]:
    """Name → parameter of a command, as the command line library has it."""
    commands: Any = get_command(app)
    return {parameter.name: parameter for parameter in commands.commands[command].params}


def settings_of(command: str) -> tuple[Setting, ...]:
    return SETTINGS if command == "run" else (*FIELDS, *OF_BENCH)


@pytest.mark.parametrize("command", sorted(FLAGS))
def test_a_command_has_the_flags_that_it_had(command: str) -> None:
    kept = {flag for p in parameters(command).values() for flag in (*p.opts, *p.secondary_opts)}
    assert set(FLAGS[command].split()) - kept == set()


@pytest.mark.parametrize("command", ["run", "bench"])
def test_an_option_takes_help_bounds_and_choices_from_the_model(command: str) -> None:
    found = parameters(command)
    for setting in settings_of(command):
        option, field = found[setting.name], setting.field
        assert option.help == setting.help
        described = field.description or ""
        if not setting.key.startswith("models.") or setting.key == "models.task.model":
            assert described.casefold() in option.help.casefold()
        taken, declared = get_args(setting.parameter.annotation)
        choices = next((a for a in types_of(field.annotation) if get_origin(a) is Literal), None)
        if choices is not None:
            assert types_of(taken)[0] == choices
        if setting.key in KINDS:
            assert ", ".join(BUILT_IN[KINDS[setting.key]]) in option.help
        bounds = [each.ge for each in field.metadata if hasattr(each, "ge")]
        assert [declared.min] == (bounds or [None])


def types_of(annotation: Any) -> tuple[Any, ...]:
    """The members of an optional type, or the type alone; not those of a list."""
    return (annotation,) if get_origin(annotation) in (Literal, tuple, None) else get_args(annotation)


def test_the_command_line_has_no_list_of_choices_of_its_own() -> None:
    for path in sorted((ROOT / "evolve" / "cli").glob("*.py")):
        assert "Literal[" not in path.read_text(), path


def test_values_reach_the_configuration() -> None:
    found: dict[str, Any] = {}
    cli = typer.Typer()

    @cli.command()
    @takes(*SETTINGS)
    def command(*, settings: dict[str, Any]) -> None:
        found.update(settings)

    def given(*arguments: str) -> dict[str, Any]:
        found.clear()
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 0, result.output
        return dict(found)

    assert given() == {}
    assert given("--budget", "3", "--seeds", "lexical, hybrid", "--objectives", "quality,cost") == {
        "budget": 3,
        "seeds": ("lexical", "hybrid"),
        "search.objectives": ("quality", "cost"),
    }
    assert given("--no-attribution", "--freeze", "code") == {
        "search.attribution": False,
        "search.freeze": "code",
    }
    assert given("-o", "scope=pooled", "--option", "seed=1=2") == {
        "benchmark_options": {"scope": "pooled", "seed": "1=2"}
    }
    assert given("--model", "openai/a", "--judge", "openai/b") == {
        "models.task.model": "openai/a",
        "models.toolkit.model": "openai/a",
        "models.judge.model": "openai/b",
        "models.reflector.model": "openai/a",
    }
    assert CliRunner().invoke(cli, ["--budget", "-1"]).exit_code == 2
    assert CliRunner().invoke(cli, ["--edit", "nothing"]).exit_code == 2


def test_a_registered_agent_or_judge_stands_in_for_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY, "_added", {("agent", "terse"): object, ("judge", "kind"): object})
    found: dict[str, Any] = {}
    cli = typer.Typer()

    @cli.command()
    @takes(Setting("models.task.model", ("--model",)), Setting("models.judge.model", ("--judge",)))
    def command(*, settings: dict[str, Any]) -> None:
        found.update(settings)

    assert CliRunner().invoke(cli, ["--model", "terse", "--judge", "kind"]).exit_code == 0
    assert found == {"evaluation.agent": "terse", "evaluation.judge": "kind"}
    assert CliRunner().invoke(cli, ["--model", "openai/a"]).exit_code == 0
    assert "models.reflector.model" not in found, "a command without --reflector makes no candidates"


def test_one_model_of_improve_makes_candidates_too() -> None:
    commands: Any = get_command(app)
    settings = commands.commands["improve"].callback.settings
    assert {"models.task.model", "models.reflector.model"} <= {setting.key for setting in settings}


def test_rules_means_the_rules_in_every_role() -> None:
    found: dict[str, Any] = {}
    cli = typer.Typer()

    @cli.command()
    @takes(*SETTINGS)
    def command(*, settings: dict[str, Any]) -> None:
        found.clear()
        found.update(settings)

    roles = ("task", "toolkit", "judge", "reflector")
    assert CliRunner().invoke(cli, ["--judge", "rules"]).exit_code == 0
    assert found == {"evaluation.judge": "rules"}
    assert CliRunner().invoke(cli, ["--model", "rules"]).exit_code == 0
    assert found == {f"models.{role}.model": "offline" for role in roles}
    assert CliRunner().invoke(cli, ["--model", "openai/a", "--reflector", "rules"]).exit_code == 0
    assert found["models.reflector.model"] == "offline"


def test_the_judge_by_rules_grades_answers_where_it_is_named() -> None:
    arguments = ["evaluate", "lexical", "--sandbox", "process", "--static", "2", "--metric", "judge"]
    graded = CliRunner().invoke(app, [*arguments, "--judge", "rules", "--json"])
    assert graded.exit_code == 0, graded.output
    assert json.loads(graded.stdout)["metric"] == "judge"
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 2
    assert "--judge rules" in refused.output


def test_a_command_may_have_another_default_than_the_field() -> None:
    assert "default: 20." in parameters("improve")["budget"].help
    served = parameters("serve")
    assert served["model"].help.count("default:") == served["embedding"].help.count("default:") == 1
    assert "default: that of the campaign" in served["embedding"].help


def test_every_field_of_a_bench_is_described() -> None:
    assert all(field.description for field in BenchConfig.model_fields.values())


def test_every_command_that_takes_a_registered_name_lists_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY, "_added", {("sandbox", "padded-cell"): object})
    commands: Any = get_command(app)
    taking = [
        name
        for name, command in commands.commands.items()
        if any("registered" in (getattr(option, "help", None) or "") for option in command.params)
    ]
    assert {"run", "evaluate", "check", "bench", "serve", "improve"} <= set(taking)
    for name in taking:
        shown = CliRunner().invoke(app, [name, "--help"]).stdout
        assert "padded-cell" in shown, name
