"""The benchmarks of this installation: a list of them, and one with its card and its first records."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.benchmark import Benchmark, Entry, available, find
from evolve.data.files import MissingData
from evolve.errors import UsageError
from evolve.inspection.text import labelled_grid
from evolve.records import Episode, Task
from evolve.text import one_line, printable

Data = dict[str, Any]
RECORDS = 3
"""Most episodes and tasks shown of a benchmark."""
EXCERPT = 400
"""Most characters shown of a text."""


def benchmarks_data() -> list[Data]:
    """Return for each benchmark its name, description and options, and whether its data are there.

    A benchmark that names its files or requirements is not loaded for this, which could take minutes; only
    their presence is checked. ``partial`` means that other files are in the folder, such as a sample, which
    may suffice.
    """
    return [_listed(entry) for entry in available()]


def _listed(entry: Entry) -> Data:
    folder = entry.data_dir
    files = entry.files_for({})
    if not files:
        return _basics(entry) | (_met(entry) if entry.requires else _loaded(entry, None, {})[0])
    lacking = [file.name for file in files if not (folder / file.name).is_file()]
    if not lacking:
        return _basics(entry) | {"available": True}
    present = folder.is_dir() and any(folder.iterdir())
    return _basics(entry) | {
        "available": False,
        "partial": present,
        "missing": f"{', '.join(lacking)} not in {folder}"
        + (
            ", which has other files: see evolve benchmarks show "
            if present
            else ": evolve benchmarks fetch "
        )
        + entry.name,
    }


def _met(entry: Entry) -> Data:
    """Return whether the benchmark's requirements are met, without loading it, which can take a simulator
    minutes.
    """
    try:
        if entry.requires is not None:
            entry.requires(entry.data_dir)
    except UsageError as error:
        return {"available": False, "missing": str(error)}
    return {"available": True}


def benchmark_data(name_or_path: str, data_dir: Path | None, options: Mapping[str, str]) -> Data:
    """Return one benchmark in full: description, card, files and, if its data are there, sizes and first
    records.

    Raises:
        UsageError: there is no such benchmark, or it has no such option.
    """
    entry = find(name_or_path)
    entry.files_for(options)  # raises if an option is not known
    facts, loaded = _loaded(entry, data_dir, options)
    data = _basics(entry) | facts | {"description": inspect.getdoc(entry.loader) or ""}
    data["data_dir"] = str(data_dir or entry.data_dir)
    data["files"] = [{"name": f.name, "url": f.url, "sha256": f.sha256} for f in entry.files_for(options)]
    return data | (_contents(loaded) if loaded else {"card": dict(entry.card)})


def _basics(entry: Entry) -> Data:
    return {
        "name": entry.name,
        "summary": entry.summary,
        "path": str(entry.path),
        "options": entry.options,
        "data_dir": str(entry.data_dir),
        "metric": entry.metric,
        "protocol": entry.protocol,
    }


def _loaded(entry: Entry, data_dir: Path | None, options: Mapping[str, str]) -> tuple[Data, Benchmark | None]:
    """Return whether the benchmark loads, and the loaded benchmark."""
    try:
        loaded = entry.load(data_dir, options)
    except UsageError as error:
        return {
            "available": False,
            "missing": str(error),
            "invalid": not isinstance(error, MissingData),
        }, None
    sizes = {what: len(getattr(loaded, what)) for what in ("episodes", "validation", "test")}
    return {"available": True, "metric": loaded.metric, "protocol": loaded.protocol} | sizes, loaded


def _contents(loaded: Benchmark) -> Data:
    tasks = (*loaded.validation, *loaded.test)
    return {
        "version": loaded.version,
        "scope": loaded.scope,
        "learning": loaded.learning,
        "metric": loaded.metric,
        "retrieval_metric": loaded.retrieval_metric,
        "groups": len({episode.group for episode in loaded.episodes}),
        "categories": dict(Counter(task.category for task in tasks)),
        "card": dict(loaded.card),
        "first_episodes": [_episode(episode) for episode in loaded.episodes[:RECORDS]],
        "first_tasks": [_task(task) for task in _one_of_each(loaded.validation)],
    }


def _one_of_each(tasks: Iterable[Task]) -> list[Task]:
    """The first tasks of different categories."""
    firsts: dict[str, Task] = {}
    for task in tasks:
        firsts.setdefault(task.category, task)
    return list(firsts.values())[:RECORDS]


def _episode(episode: Episode) -> Data:
    text = episode.text or (episode.task.question if episode.task else "")
    return {"id": episode.id, "characters": len(text), "text": text[:EXCERPT]}


def _task(task: Task) -> Data:
    return {
        "id": task.id,
        "category": task.category,
        "question": task.question[:EXCERPT],
        "answer_format": task.answer_format[:EXCERPT],
        "after": task.after,
        "answers": [answer[:EXCERPT] for answer in task.answers],
        "criteria": [f"{criterion.points:+g} {criterion.text}"[:EXCERPT] for criterion in task.rubric],
        "evidence": [passage.text[:EXCERPT] for passage in task.evidence],
    }


def benchmarks_view(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """``benchmarks_data`` for a terminal."""
    table = Table()
    for column in ("benchmark", "what it is", "metric", "protocol", "data"):
        table.add_column(column, overflow="fold")
    for row in rows:
        absent = "not valid" if row.get("invalid") else "other files" if row.get("partial") else "missing"
        state = "here" if row["available"] else absent
        table.add_row(row["name"], Text(row["summary"]), row["metric"], row["protocol"], state)
    return Group(
        table,
        Text(
            "The card, with what differs from the official metric and protocol: evolve benchmarks show NAME"
        ),
        Text("Its data from the official source: evolve benchmarks fetch NAME"),
    )


def benchmark_view(data: Mapping[str, Any]) -> RenderableType:
    """``benchmark_data`` for a terminal."""
    parts: list[RenderableType] = [
        Text(data["name"], style="bold"),
        Text(_prose(data["description"])),
        Text(),
        _facts(data),
    ]
    if data["available"]:
        for episode in data["first_episodes"]:
            parts += [Text(), Text(f"episode {one_line(episode['id'])}", style="bold")]
            parts.append(Text(_cut(episode["text"], episode["characters"])))
        for task in data["first_tasks"]:
            parts += [Text(), Text(f"task {one_line(task['id'])}", style="bold"), _task_view(task)]
    return Group(*parts)


def _prose(docstring: str) -> str:
    """Return the paragraphs of a docstring without its sections, line breaks and markup."""
    paragraphs = re.split(r"\n\s*\n", re.split(r"\n(?:Args|Returns|Raises):\s*\n", docstring)[0])
    plain = (" ".join(paragraph.split()).replace("``", "") for paragraph in paragraphs)
    return "\n\n".join(paragraph for paragraph in plain if paragraph)


def _arguments(docstring: str) -> dict[str, str]:
    """Return the description of each argument in a docstring."""
    section = re.search(r"\nArgs:\s*\n(.*?)(?=\n\S|\Z)", docstring, re.DOTALL)
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", section[1] if section else "", re.MULTILINE)
    return {name: " ".join(text.split()).replace("``", "") for name, text in found}


def _facts(data: Mapping[str, Any]) -> Table:
    facts = labelled_grid()
    facts.add_row("file", Text(data["path"]))
    told = _arguments(data["description"])
    options = [
        f"{name} = {default!r}" + (f": {told[name]}" if name in told else "")
        for name, default in data["options"].items()
    ]
    facts.add_row("options", Text("\n".join(options) or "none"))
    for file in data["files"]:
        facts.add_row("official file", Text(f"{file['name']} from {file['url']}"))
    if not data["available"]:
        state = "not valid" if data.get("invalid") else "missing"
        facts.add_row("data", Text(f"{state}: {data['missing']}", style="yellow"))
        _add_card(facts, data["card"])
        return facts
    facts.add_row("data", Text(data["data_dir"]))
    facts.add_row("version", Text(data["version"]))
    facts.add_row("scope", Text(f"{data['scope']}, {data['groups']} groups; learning {data['learning']}"))
    facts.add_row("asked", Text(data["protocol"]))
    facts.add_row("quality", Text(f"{data['metric']}; offline: {data['retrieval_metric']}"))
    sizes = f"{data['episodes']} episodes, {data['validation']} validation and {data['test']} test tasks"
    facts.add_row("loaded", Text(sizes))
    kinds = ", ".join(f"{kind or 'none'} {count}" for kind, count in data["categories"].items())
    facts.add_row("categories", Text(printable(kinds)))
    _add_card(facts, data["card"])
    return facts


def _add_card(facts: Table, card: Mapping[str, str]) -> None:
    for name, text in card.items():
        facts.add_row(Text(one_line(name, 30)), Text(printable(text)))


def _task_view(task: Mapping[str, Any]) -> Table:
    facts = labelled_grid()
    facts.add_row("question", Text(printable(task["question"])))
    for name, key in (("asked after", "after"), ("answer form", "answer_format")):
        if task[key]:
            facts.add_row(name, Text(printable(task[key])))
    for name, values in (("answer", task["answers"]), ("criterion", task["criteria"])):
        for value in values[:RECORDS]:
            facts.add_row(name, Text(printable(value)))
        if len(values) > RECORDS:
            facts.add_row("", Text(f"and {len(values) - RECORDS} more"))
    for value in task["evidence"][:RECORDS]:
        facts.add_row("evidence", Text(one_line(value)))
    return facts


def _cut(text: str, characters: int) -> str:
    """Return an excerpt of ``text``, with the length of the whole."""
    more = f" … ({characters:,} characters)" if characters > len(text) else ""
    return printable(text) + more
