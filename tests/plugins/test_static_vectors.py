"""A plug-in whose program embeds with static vectors recalls as it did in its campaign."""

from __future__ import annotations

from pathlib import Path

import evolve
from evolve.campaign import build
from evolve.config import merged
from evolve.journal import RunRecord
from evolve.plugins.export import export
from evolve.runs.history import RunHistory
from tests.plugins.conftest import CONFIG

SETTINGS = {
    "benchmark": "tests/campaign/small.py",
    "seeds": ("vector_search",),
    "budget": 0,
    "evaluation.static": 6,
}


def test_it_recalls_with_the_weights_that_the_campaign_fitted(tmp_path: Path) -> None:
    config = merged(CONFIG, SETTINGS)
    with build(config, root=tmp_path, name="static", unsafe_local=True, notify=lambda _: None) as campaign:
        campaign.run(lambda _: None)
        episodes = {e.id: e for e in campaign.setup.benchmark.episodes}
        tasks = {task.id: task for task in campaign.setup.benchmark.validation}
    run = RunRecord.open(tmp_path, "static")
    best = RunHistory.read(run).best
    assert best is not None
    folder = export(run, RunHistory.read(run), best, name="static-memory", out=tmp_path, licence="Apache-2.0")
    evaluation = next(e for e in run.evaluations(best.program) if e.subset == "static")
    compared = 0
    for group in {episode.group for episode in episodes.values()}:
        asked = [item for item in evaluation.items if tasks[item.task].group == group]
        with evolve.load(folder, trust=True) as memory:
            for write in evaluation.writes:
                if episodes[write.episode].group == group:
                    memory.remember(episodes[write.episode].text)
            for item in asked:
                assert memory.recall(tasks[item.task].question) == item.retrieved
                compared += bool(item.retrieved)
    assert compared == len(evaluation.items)
