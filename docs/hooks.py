"""Hooks of mkdocs: the page of the command line, made from the commands; and pages that nobody listed."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from evolve.cli import app

PAGE = "cli.md"
MORE_AT = 3  # behind tutorial and concepts
INTRODUCTION = """\
# Command line

Tables by default; `--json`, where a command has it, for machines. Exit codes: 0 done, 1 the program or the
campaign failed, 2 a mistake of use, 130 Ctrl-C. The message of a mistake says what was expected, what
was found and what to do next.

This page is made from the commands when the site is built; `evolve COMMAND --help` says the same.
"""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Give the pages in ``docs/`` that the navigation lacks a section of their own."""
    found = {path.name for path in Path(config.docs_dir).glob("*.md")}
    more = sorted(found - set(_listed(config.nav)) - {PAGE})
    if more and config.nav is not None:
        config.nav.insert(MORE_AT, {"More": more})
    return config


def _listed(nav: Any) -> Iterator[str]:
    """The paths in a navigation, which is lists of pages and of sections with a title."""
    if isinstance(nav, str):
        yield nav
    for entry in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from _listed(entry)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Put the page among the files of the site."""
    files.append(File.generated(config, PAGE, content=reference()))
    return files


def reference() -> str:
    """The page: a section for each command, in the order of ``evolve --help``."""
    group = typer.main.get_command(app)
    return "\n".join([INTRODUCTION, *_sections(group, "evolve", None)])


def _sections(command: typer.core.TyperGroup, name: str, parent: object) -> Iterator[str]:
    context = command.make_context(name, [], resilient_parsing=True, parent=parent)
    for word in command.list_commands(context):
        found = command.get_command(context, word)
        full = f"{name} {word}"
        inner = found.make_context(word, [], resilient_parsing=True, parent=context)
        if hasattr(found, "list_commands"):
            yield f"## {full}\n\n{found.help or ''}\n"
            yield from _sections(found, full, context)
            continue
        yield _section(found, full, inner)


def _section(command: typer.core.TyperCommand, name: str, context: object) -> str:
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"## {name}", "", "```text", f"{name} {usage}", "```", "", command.help or "", ""]
    records = [record for record in (p.get_help_record(context) for p in command.params) if record]
    if records:
        lines += ["| argument or option | |", "|---|---|"]
        lines += [f"| <code>{_cell(what)}</code> | {_cell(meaning)} |" for what, meaning in records]
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    """``text`` on one line, with nothing in it that Markdown, HTML or a table would take for its own."""
    shown = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"[|*_`\[\]]", lambda found: f"&#{ord(found[0])};", shown)
