"""Options of the command line that set no field of the configuration: each has a reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

from evolve.cli import app
from evolve.cli.settings import Setting, takes
from evolve.config import CampaignConfig, flattened

WHERE = "where files, runs or a memory are: a run does not record its own place"
SHOWN = "what is printed, or where it is written"
LEAVE = "leave given for this one call, which no file may give"
WHICH = "which item of what a command reads or changes is meant"
LISTENS = "where a server listens, and who may ask it"
SHORT = "short for another option"
STARTS = "how often, how or from what the command starts, before there is a configuration"
TEST = "comparison after the search, on questions that no search has seen"
LOG = "the usage log of a memory, which no campaign has"
CAPS = "upper bounds of limits, by name, which a plug-in asks for itself"
OWN: dict[str, dict[str, str]] = {
    "run": {
        "scope": SHORT,
        "name": WHERE,
        "root": WHERE,
        "preset": STARTS,
        "repeats": STARTS,
        "dry_run": STARTS,
        "unsafe_local": LEAVE,
        "trust": LEAVE,
        "plain": SHOWN,
    },
    "bench": {
        "name": WHERE,
        "root": WHERE,
        "export": SHOWN,
        "as_json": SHOWN,
        "unsafe_local": LEAVE,
        "trust": LEAVE,
    },
    "evaluate": {"scope": SHORT, "root": WHERE, "unsafe_local": LEAVE, "trust": LEAVE, "as_json": SHOWN},
    "check": {"root": WHERE, "unsafe_local": LEAVE},
    "serve": {
        "data": WHERE,
        "space": WHICH,
        "http": LISTENS,
        "token_env": LISTENS,
        "allow_host": LISTENS,
        "tools": LISTENS,
        "max_sessions": LISTENS,
        "limit": CAPS,
        "usage_log": LOG,
        "log_days": LOG,
        "redact": LOG,
        "unsafe_local": LEAVE,
    },
    "improve": {
        "data": WHERE,
        "work": WHERE,
        "config": WHERE,
        "review": TEST,
        "level": TEST,
        "test_share": TEST,
        "unsafe_local": LEAVE,
        "trust": LEAVE,
        "as_json": SHOWN,
    },
    "benchmarks show": {"scope": SHORT, "trust": LEAVE, "as_json": SHOWN},
    "benchmarks check": {"scope": SHORT, "trust": LEAVE, "as_json": SHOWN},
    "benchmarks fetch": {"again": STARTS, "trust": LEAVE},
    "benchmarks from-log": {
        "out": WHERE,
        "review": TEST,
        "page": LISTENS,
        "port": LISTENS,
        "test_share": TEST,
        "as_json": SHOWN,
    },
    "export": {"name": SHOWN, "out": SHOWN, "licence": SHOWN, "root": WHERE},
    "export-results": {
        "to": SHOWN,
        "out": SHOWN,
        "uri": SHOWN,
        "project": SHOWN,
        "upload": LEAVE,
        "root": WHERE,
    },
    "report": {"output": SHOWN, "root": WHERE},
    "dashboard": {"port": LISTENS, "root": WHERE},
    "add": {"message": WHICH, "parent": WHICH, "root": WHERE},
    "hint": {"withdraw": WHICH, "root": WHERE, "as_json": SHOWN},
    "trace": {"subset": WHICH, "root": WHERE, "as_json": SHOWN},
    "rm": {"yes": LEAVE, "root": WHERE},
    **{
        path: {"root": WHERE, "as_json": SHOWN}
        for path in ("runs", "show", "front", "progress", "compare", "lineage", "notes", "diff", "explain")
    },
    **{path: {"root": WHERE} for path in ("mv", "pause", "resume", "stop")},
    **{path: {"as_json": SHOWN} for path in ("rollback", "doctor", "benchmarks", "models", "seeds")},
    **{path: {"as_json": SHOWN} for path in ("benchmarks list", "models list", "seeds list", "seeds show")},
}
"""Command → option that sets no field of the configuration → why there is none. An option that is not here
comes from a ``Setting``. One that is written by hand belongs here, with its reason, only if no field has it.
"""


def all_commands(group: Any = None, path: str = "") -> Iterator[tuple[str, Any]]:
    """Name and command of each that takes options, those of groups after the group."""
    commands: Any = group or get_command(app)
    for name, command in commands.commands.items():
        yield f"{path}{name}", command
        if hasattr(command, "commands"):
            yield from all_commands(command, f"{path}{name} ")


def written_by_hand(command: Any) -> set[str]:
    """Names of the options of a command that no ``Setting`` makes."""
    derived = {setting.name for setting in getattr(command.callback, "settings", ())}
    options = {option.name for option in command.params if option.param_type_name == "option"}
    return options - derived - {"help"}


def test_an_option_without_a_setting_has_a_reason() -> None:
    found = {path: written_by_hand(command) for path, command in all_commands()}
    assert {path: names for path, names in found.items() if names} == {
        path: set(reasons) for path, reasons in OWN.items()
    }


def test_an_option_that_has_the_name_of_a_field_comes_from_it() -> None:
    """Other than ``--tools`` of ``evolve serve``, which are not the agent's."""
    fields = {key.rpartition(".")[2] for key in flattened(CampaignConfig())}
    assert {(path, name) for path, names in OWN.items() for name in names if name in fields} == {
        ("serve", "tools")
    }


def test_commands_and_flags_of_an_early_version_are_still_there() -> None:
    """Scripts that were written for the version fa35141 keep working."""
    before = {
        command: set(flags.split())
        for command, flags in json.loads(
            Path(__file__).with_name("flags_of_fa35141.json").read_text()
        ).items()
    }
    now = {
        path: {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
        for path, command in all_commands()
    }
    print(f"{len(before)} commands with {sum(map(len, before.values()))} flags then, {len(now)} commands now")
    missing = {command: flags - now.get(command, set()) for command, flags in before.items()}
    assert {command: flags for command, flags in missing.items() if flags or command not in now} == {}


def test_a_new_option_by_hand_is_seen() -> None:
    cli = typer.Typer()

    @cli.command()
    @takes(Setting("budget"))
    def command(
        *, settings: dict[str, Any], jobs: Annotated[int, typer.Option("--jobs", help="Jobs.")] = 1
    ) -> None: ...

    assert written_by_hand(get_command(cli)) == {"jobs", "install_completion", "show_completion"}
