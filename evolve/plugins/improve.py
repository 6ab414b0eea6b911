"""Improve a deployed plug-in on the use of its memory: search, compare on the newest part, swap on a win."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from evolve.campaign import build
from evolve.components import AS_CONFIGURED, Components
from evolve.config import CampaignConfig, merged
from evolve.errors import UsageError
from evolve.journal import RunRecord
from evolve.plugins.export import export
from evolve.plugins.find import Plugin, find_plugin, module_in
from evolve.plugins.from_log import TEST_SHARE, sentences, write_benchmark
from evolve.plugins.labels import label, read_review
from evolve.plugins.manifest import item_schema
from evolve.plugins.texts import now
from evolve.plugins.versions import Decision, Versions
from evolve.program import MemoryProgram
from evolve.records import Candidate, Evaluation
from evolve.runs.history import RunHistory
from evolve.statistics import paired_interval

LEVEL = 0.95
_CHARACTERS_PER_TOKEN = 4
_BENCHMARK, _RUN = "benchmark", "search"


@dataclass(frozen=True)
class Attempt:
    """Settings of ``improve``.

    Attributes:
        config: configuration of the search: models, budget, sandbox; benchmark and initial program are set.
        level: confidence level of the paired interval that a candidate must win at.
        test_share: share of the newest questions that are held out.
        review: reviewed labels; None: as the log has them.
        work: folder for benchmark and run, which hold texts of the memory; None: a temporary one, deleted.
        unsafe_local: let programs run in a bare process.
        notify: told what happens.
        components: parts of the search that are passed as objects.
    """

    config: CampaignConfig
    level: float = LEVEL
    test_share: float = TEST_SHARE
    review: Path | None = None
    work: Path | None = None
    unsafe_local: bool = False
    notify: Callable[[str], None] = lambda _: None
    components: Components = field(default=AS_CONFIGURED)


def improve(plugin: str | Path, data: Path, attempt: Attempt) -> Decision:
    """Search from the deployed program on the use in ``data``; swap it if the best wins on the newest part.

    The search sees the older questions only. Its best candidate and the deployed program are then asked the
    held-out ones once; the swap happens if the paired interval of the difference lies above 0.

    Args:
        plugin: name of an installed plug-in, or path of an exported folder; its files are replaced.
        data: folder of its memory, which is only read. A memory that is loaded has the old program until it
            is loaded again.
        attempt: settings.

    Returns:
        the decision, which is also recorded beside the plug-in.

    Raises:
        UsageError: there are too few labelled questions, or a setting does not fit.
        InfrastructureError, BudgetReached: the search could not be ended; nothing is swapped.
    """
    if not 0 < attempt.level < 1:
        raise UsageError(f"level = {attempt.level}: expected a number between 0 and 1, such as 0.95.")
    versions = Versions.of(plugin)
    found = find_plugin(plugin)
    if attempt.work is not None:
        return _improved(found, versions, data, attempt, attempt.work)
    with TemporaryDirectory() as folder:
        return _improved(found, versions, data, attempt, Path(folder))


def roll_back(plugin: str | Path) -> Decision:
    """Deploy the version of ``plugin`` before the present one again, and record that.

    Raises:
        UsageError: the deployed version is the exported one.
    """
    versions = Versions.of(plugin)
    before = find_plugin(plugin)
    return versions.roll_back(
        Decision(at=now(), action="rolled back", deployed=before.program.id, version=0, reason="on request")
    )


def _improved(found: Plugin, versions: Versions, data: Path, attempt: Attempt, work: Path) -> Decision:
    labels = label(data)
    if attempt.review is not None:
        labels = read_review(attempt.review, labels)
    made = write_benchmark(
        labels, work / _BENCHMARK, source=f"usage log of {found.manifest.name}", test_share=attempt.test_share
    )
    for sentence in sentences(made):
        attempt.notify(sentence)
    stored = [entry.text for entries in labels.texts.values() for entry in entries]
    tokens = sum(map(len, stored)) // _CHARACTERS_PER_TOKEN
    attempt.notify(
        f"A new program writes {len(stored)} texts again; with another schema the model reads them again: "
        f"about {tokens} tokens and {len(stored)} calls."
    )
    record = _searched(found.program, attempt, work)
    history = RunHistory.read(record)
    best = history.best
    base = Decision(
        at=now(),
        action="kept",
        deployed=found.program.id,
        version=versions.deployed()[-1],
        validation=made.validation,
        test=made.test,
        level=attempt.level,
    )
    if best is None or best.program == found.program.id:
        reason = "no candidate was better on the questions that the search used"
        return versions.keep(base.model_copy(update={"reason": reason}))
    return _decided(base, found, versions, record, history, best)


def _searched(program: MemoryProgram, attempt: Attempt, work: Path) -> RunRecord:
    """Run the campaign from ``program`` alone, and return its record."""
    source = work / "deployed.py"
    source.write_text(program.source, encoding="utf-8", errors="surrogatepass")
    config = merged(
        attempt.config,
        {"benchmark": str(work / _BENCHMARK), "seeds": (str(source),)},
        source="evolve improve",
    )
    campaign = build(
        config,
        root=work,
        name=_RUN,
        unsafe_local=attempt.unsafe_local,
        notify=attempt.notify,
        components=attempt.components,
    )
    with campaign:
        campaign.run(lambda _: None)
    return RunRecord.open(work, _RUN)


def _decided(
    base: Decision,
    found: Plugin,
    versions: Versions,
    record: RunRecord,
    history: RunHistory,
    best: Candidate,
) -> Decision:
    old, new = (_held_out(record, program) for program in (found.program.id, best.program))
    base = base.model_copy(update={"candidate": best.program})
    if new is None or old is None:
        reason = "the candidate was not scored on the held-out questions"
        return versions.keep(base.model_copy(update={"reason": reason}))
    assert base.level is not None
    difference = paired_interval(new.item_scores, old.item_scores, clusters=new.item_groups, level=base.level)
    base = base.model_copy(update={"difference": difference})
    if difference.low <= 0:
        reason = "the candidate does not win on the held-out questions"
        return versions.keep(base.model_copy(update={"reason": reason}))
    with TemporaryDirectory() as folder:
        package = export(
            record,
            history,
            best,
            name=found.manifest.name,
            out=Path(folder),
            licence=found.manifest.licence,
        )
        schema = item_schema(record.program(best.program).parts)
        reason = "the candidate wins on the held-out questions"
        if schema != found.manifest.item_schema:
            reason += "; it has another schema: load the memory with reextract=True once"
        decision = base.model_copy(update={"action": "swapped", "reason": reason})
        return versions.swap(module_in(package), decision)


def _held_out(record: RunRecord, program: str) -> Evaluation | None:
    found = (e for e in record.evaluations(program) if e.subset == "test" and e.status == "complete")
    return next(found, None)
