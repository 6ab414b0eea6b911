"""Public function ``evolve.api.bench``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolve.arguments import overrides_of
from evolve.config import CampaignConfig, ModelsConfig
from evolve.trust import Gate, gate_of

if TYPE_CHECKING:
    from evolve.bench.directory import Cell

_LOG = logging.getLogger("evolve")


def bench(
    programs: Iterable[str] | None = None,
    benchmarks: Iterable[str] | None = None,
    *,
    name: str = "bench",
    split: str | None = None,
    against: str | None = None,
    data_dir: str | Path | None = None,
    models: ModelsConfig | str | None = None,
    config: CampaignConfig | str | Path | None = None,
    settings: Mapping[str, object] | None = None,
    root: str | Path = "runs",
    unsafe_local: bool = False,
    trust: bool = False,
    gate: Gate | None = None,
    progress: Callable[[Cell, str, int, int], None] | None = None,
    notify: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Score programs on benchmarks, and return the table with intervals: JSON of ``evolve bench``.

    The same call goes on after a kill; what is left out then keeps its recorded value.

    Args:
        programs: names of seeds, paths, plug-ins, ``RUN`` or ``RUN:ID``; default: all seeds.
        benchmarks: ``NAME`` or ``NAME:KEY=VALUE``; default: those that the programs were evolved on.
        name: of the bench's directory in ``root``.
        split: ``test`` (default), or ``static``, the validation tasks that give fitness.
        against: a program that each other one is compared with.
        data_dir: data of a benchmark, or a folder with a folder for each.
        models: models by role, or one LiteLLM id for every role; default: rules, no model.
        config: a configuration, or the path of its TOML file; the other arguments have precedence over it.
        settings: further settings by dotted key, such as ``{"jobs": 4}``.
        root: folder of runs.
        unsafe_local: let programs that are not this project's own run in a bare process.
        trust: approve what a configuration, run or benchmark from elsewhere would execute or send.
        gate: asks for that approval in the place of ``trust``.
        progress: called with each cell when it is scored: the cell, its column's heading, how many are done,
            and how many are due there.
        notify: told in sentences what you should know; default: the logger ``evolve``.

    Raises:
        UsageError: a name or a setting fits nothing, or the directory is in use or damaged.
        InfrastructureError: the disk failed; a cell that could not be scored is ``missing`` in the table.

    Example:
        >>> import tempfile
        >>> from evolve import api
        >>> quick = {"sandbox.backend": "process", "evaluation.static": 4}
        >>> root = tempfile.mkdtemp()
        >>> table = api.bench(["lexical"], ["chronicle"], split="static", root=root, settings=quick)
        >>> [cell["status"] for cell in table["cells"]]
        ['complete']
    """
    from evolve.bench.running import run_bench
    from evolve.bench.settling import settle_bench

    tell = notify or _LOG.info
    overrides = dict(overrides_of({}, models=models, settings=settings).overrides)
    overrides.pop("models.reflector.model", None)  # nothing is mutated
    settled = settle_bench(
        name,
        Path(root),
        overrides,
        config=config,
        programs=programs,
        benchmarks=benchmarks,
        split=split,
        against=against,
        data_dir=None if data_dir is None else Path(data_dir),
    )
    settled.admit(gate or gate_of("api.bench", trust, tell))
    told = progress or (lambda *_: None)
    return run_bench(
        name, settled.config, root=settled.root, unsafe_local=unsafe_local, notify=tell, tell=told
    )
