"""Configuration of a bench, from what is recorded, a file, and the arguments of a caller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evolve.bench.columns import split_spelling
from evolve.bench.config import BenchConfig, adjusted
from evolve.bench.directory import recorded_config
from evolve.bench.running import acts_of_bench
from evolve.config import CampaignConfig, load_config, merged
from evolve.trust import Gate, acts_of, played_in, typed_acts


@dataclass(frozen=True)
class SettledBench:
    """Whole configuration of a bench, new or resumed.

    Attributes:
        name: of its directory.
        root: folder of runs.
        config: what to do.
        recorded: the configuration is from the directory of the bench, not from a file.
        own: settings that the caller named, which approves what they have this machine execute or send.
        benchmarks: benchmarks that the caller named.
        data_dir: data folder that the caller named.
        trusted: a configuration that the caller made.
    """

    name: str
    root: Path
    config: BenchConfig
    recorded: bool
    own: Mapping[str, Any]
    benchmarks: tuple[str, ...]
    data_dir: object = None
    trusted: CampaignConfig | None = None

    def admit(self, gate: Gate) -> None:
        """Return if the caller named or approved all that the bench executes and sends; else a UsageError."""
        acts = acts_of_bench(self.config, self.root, recorded=self.recorded)
        typed = typed_acts(self.own) + played_in(acts, self.data_dir)
        for spelling in self.benchmarks:
            typed += typed_acts({"benchmark": split_spelling(spelling)[0]})
        if self.trusted is not None:
            typed += acts_of(self.trusted, recorded=True)
        gate.admit(acts, typed=typed, source="What this bench is made of")


def settle_bench(
    name: str,
    root: Path,
    overrides: Mapping[str, Any],
    *,
    config: CampaignConfig | str | Path | None = None,
    programs: Iterable[str] | None = None,
    benchmarks: Iterable[str] | None = None,
    **fields: Any,
) -> SettledBench:
    """Return what is recorded, with a given configuration, then what else is given. Executes nothing.

    Args:
        name: of the bench.
        root: folder of runs.
        overrides: dotted key → value, of settings of the campaign configuration.
        config: models and settings, or the path of their file; None: as recorded.
        programs: see ``BenchConfig``; None, here and in what follows: as recorded.
        benchmarks: see ``BenchConfig``.
        fields: further fields of ``BenchConfig``.

    Raises:
        UsageError: a setting is not possible, or a file is damaged.
    """
    base = recorded_config(root, name) or BenchConfig()
    given = load_config(Path(config)) if isinstance(config, str | Path) else config
    named = None if benchmarks is None else tuple(benchmarks)
    changes = {
        **fields,
        "programs": None if programs is None else tuple(programs),
        "benchmarks": named,
        "campaign": merged(base.campaign if given is None else given, overrides),
    }
    return SettledBench(
        name=name,
        root=root,
        config=adjusted(base, changes),
        recorded=given is None,
        own=dict(overrides),
        benchmarks=named or (),
        data_dir=fields.get("data_dir"),
        trusted=config if isinstance(config, CampaignConfig) else None,
    )
