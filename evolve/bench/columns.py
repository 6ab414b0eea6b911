"""The benchmarks of a bench: a column for each, spelled ``NAME`` or ``NAME:KEY=VALUE:KEY=VALUE``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from evolve.benchmark import Entry, data_of, find
from evolve.config import CampaignConfig, merged
from evolve.errors import UsageError


@dataclass(frozen=True)
class Column:
    """A benchmark with its options.

    Attributes:
        key: its spelling, a path made absolute; the key of its recorded scores.
        heading: the same with the benchmark's name instead of a path.
        entry: the benchmark.
        config: configuration of the evaluations.
    """

    key: str
    heading: str
    entry: Entry
    config: CampaignConfig


def spelled(benchmark: str, options: Mapping[str, str]) -> str:
    """``benchmark`` and ``options`` as one text, which ``split_spelling`` takes apart."""
    return ":".join((benchmark, *(f"{key}={options[key]}" for key in sorted(options))))


def split_spelling(text: str) -> tuple[str, dict[str, str]]:
    """The name or path of the benchmark and its options.

    Raises:
        UsageError: an option is not of the form ``KEY=VALUE``.
    """
    name, *rest = text.split(":")
    options = {}
    for part in rest:
        key, equals, value = part.partition("=")
        if not (equals and key):
            raise UsageError(f"{text!r}: expected NAME or NAME:KEY=VALUE, found {part!r} after the name.")
        options[key] = value
    return name, options


def find_columns(
    texts: Iterable[str], base: CampaignConfig, data_dir: Path | None, homes: Mapping[str, Path | None]
) -> list[Column]:
    """The columns that ``texts`` spell, in that order; each once.

    Args:
        texts: see ``split_spelling``.
        base: configuration of all evaluations.
        data_dir: a benchmark's data, or a folder with a folder of each benchmark's; None for the defaults.
        homes: spelling → data directory of a run, where ``data_dir`` does not give one.

    Raises:
        UsageError: there is no such benchmark, it has no such option, or two have one name.
    """
    columns: dict[str, Column] = {}
    for text in texts:
        name, options = split_spelling(text)
        if os.sep in name or name.endswith(".py"):
            name = str(Path(name).expanduser().absolute())
        entry = find(name)
        entry.files_for(options)  # says which options there are
        key = spelled(name, options)
        place = data_of(entry, data_dir) or homes.get(key)
        overrides = {"benchmark": name, "benchmark_options": options, "data_dir": place}
        columns[key] = Column(key, spelled(entry.name, options), entry, merged(base, overrides))
    headings = [column.heading for column in columns.values()]
    twice = sorted({heading for heading in headings if headings.count(heading) > 1})
    if twice:
        raise UsageError(f"Two different benchmarks are called {twice[0]!r}: rename the file of one.")
    return list(columns.values())
