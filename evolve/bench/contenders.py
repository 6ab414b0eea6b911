"""The programs of a bench, found by the user's names for them."""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from evolve.bench.columns import spelled
from evolve.benchmark import data_of, find, locate
from evolve.config import CampaignConfig
from evolve.config.models import benchmark_names
from evolve.errors import UsageError
from evolve.inspection.lookup import FoundProgram, find_candidate, find_program
from evolve.journal import RunRecord, runs_in
from evolve.plugins.find import find_plugin, installed_plugins
from evolve.plugins.manifest import PROGRAM
from evolve.program import MemoryProgram
from evolve.runs.history import RunHistory
from evolve.seeds import seed_names


@dataclass(frozen=True)
class Contender:
    """A program in a bench.

    Attributes:
        name: name of its row.
        program: the program.
        is_own: it is an initial program of this installation, so that no stranger's code is run.
        home: the one benchmark that it was evolved on, as a column is spelled; empty where there is none or
            several.
        homes: each benchmark that it was evolved on → where that run had its data; None for the default.
    """

    name: str
    program: MemoryProgram
    is_own: bool
    home: str = ""
    homes: Mapping[str, Path | None] = field(default_factory=dict)


def find_contenders(texts: Iterable[str], root: Path) -> list[Contender]:
    """The programs that ``texts`` name, in that order; each name once.

    Args:
        texts: the path of a file or of an exported plug-in, ``RUN:ID``, the name of a seed, of an installed
            plug-in, or of a run, which means its best program.
        root: the folder of runs.

    Raises:
        UsageError: there is no such program, or its file cannot be read.
    """
    found = [(text, _contender(text, root)) for text in dict.fromkeys(texts)]
    times = Counter(contender.name for _, contender in found)
    return [replace(c, name=text) if times[c.name] > 1 else c for text, c in found]


def anywhere(text: str) -> str:
    """The same as ``find_contenders`` takes it from any working directory: a path is made absolute."""
    return str(Path(text).absolute()) if text.endswith(".py") or os.sep in text else text


def _contender(text: str, root: Path) -> Contender:
    path = Path(text)
    if path.is_dir() and (os.sep in text or not _is_name(text, root)):
        return _plugin(text)
    if path.is_file() or text.endswith(".py") or os.sep in text:
        return _plain(find_program(text, root))
    if ":" in text:
        return _of_run(text, root)
    if text in seed_names():
        return _plain(find_program(text, root))
    if text in installed_plugins():
        return _plugin(text)
    if any(run.name == text for run in runs_in(root)):
        return _of_run(f"{text}:", root)
    raise UsageError(_unknown(text, root))


def _plain(found: FoundProgram) -> Contender:
    return Contender(found.path.stem, found.program, found.is_own)


def _plugin(text: str) -> Contender:
    plugin = find_plugin(text)
    return Contender(plugin.manifest.name, MemoryProgram.from_file(plugin.folder / PROGRAM), is_own=False)


def _of_run(text: str, root: Path) -> Contender:
    name, _, candidate = text.partition(":")
    run = RunRecord.open(root, name)
    chosen = find_candidate(RunHistory.read(run), candidate or None)
    homes = _homes(run.config)
    return Contender(
        name=f"{name}:{chosen.number}",
        program=run.program(chosen.program),
        is_own=False,
        home=next(iter(homes)) if len(homes) == 1 else "",
        homes=homes,
    )


def _homes(config: CampaignConfig) -> dict[str, Path | None]:
    """Return the benchmarks of a campaign, as columns are spelled → where their data were. Executes nothing
    that is not packaged.
    """
    names = benchmark_names(config.benchmark)
    if len(names) == 1:
        return {spelled(config.benchmark, config.benchmark_options): config.data_dir}
    homes: dict[str, Path | None] = {}
    for name in names:
        place = locate(name)
        known = find(name).options if place.code is None else ()
        options = {
            key.removeprefix(f"{place.name}."): value
            for key, value in config.benchmark_options.items()
            if key.startswith(f"{place.name}.") or key in known
        }
        homes[spelled(name, options)] = data_of(place, config.data_dir)
    return homes


def _is_name(text: str, root: Path) -> bool:
    return text in (*seed_names(), *installed_plugins(), *(run.name for run in runs_in(root)))


def _unknown(text: str, root: Path) -> str:
    plugins, runs = sorted(installed_plugins()), [run.name for run in runs_in(root)]
    close = difflib.get_close_matches(text, [*seed_names(), *plugins, *runs], n=1)
    return (
        f"There is no program {text!r}: expected the path of a Python file or of an exported plug-in, a "
        f"seed ({', '.join(seed_names())}), an installed plug-in ({', '.join(plugins) or 'there is none'}), "
        f"or RUN or RUN:ID, with a run in {root} ({', '.join(runs) or 'there is none'})."
        + (f" Did you mean {close[0]}?" if close else "")
    )
