"""HealthBench: conversations about health, marked by physicians' rubrics (Arora et al., 2025)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from evolve.benchmark import Benchmark, benchmark
from evolve.data import DataFile, Row, fingerprint, locate, rows_of, three_parts
from evolve.data.rubrics import conversation, rubric_episodes
from evolve.errors import UsageError
from evolve.records import Criterion, Learning, Task

Clipping = Literal["answer", "mean"]
DATA = "2025-05-07-06-14-12_oss_eval.jsonl"
FILES = (DataFile(DATA, f"https://openaipublic.blob.core.windows.net/simple-evals/healthbench/{DATA}"),)
THEMES = (
    "communication",
    "complex_responses",
    "context_seeking",
    "emergency_referrals",
    "global_health",
    "health_data_tasks",
    "hedging",
)
CONVERSATIONS = 5000
EPISODE_SHARE, TEST_SHARE, MOST_TEST = 0.54, 5 / 11, 100
"""Of a theme. The paper M★ has 257 / 120 / 100 of 477 data tasks and 260 / 122 / 100 of 482 referrals."""
CARD = {
    "task": "give the next answer of a conversation about health",
    "size": "5,000 conversations, 48,562 criteria, seven themes",
    "source": "https://github.com/openai/simple-evals, healthbench_eval.py (Arora et al., 2025)",
    "licence": "MIT; the records carry a canary and must not be published again",
    "metric": "rubric: a judge marks each criterion, points met over positive points, clipped for each "
    "answer as in the paper M★; with clipping=mean rubric_unclipped, which clips the mean only. Offline: "
    "rubric_coverage, a proxy of words",
    "official metric": "yes with clipping=mean, with a grader's prompt of our own; with "
    "clipping=answer it differs: an answer below 0 counts as 0",
    "protocol": "pooled, one memory; the original has no memory and no episodes. An episode is the "
    "conversation, the physician's answer where there is one, and the rubric: our choice",
    "not verified": "checksum, and the counts of the full file: no full copy was at hand",
}


@benchmark(files=FILES, card=CARD, metric="rubric", protocol="pooled")
def healthbench(
    data_dir: Path, *, theme: str = "all", learning: Learning = "offline", clipping: Clipping = "answer"
) -> Benchmark:
    """Conversations about health in seven themes; answers are marked by physicians' weighted criteria.

    54 % of a theme are episodes: a conversation with what was expected of its next answer. Up to 100 are
    held out for test and the rest is validation, so that a memory learns what physicians look for.

    Args:
        data_dir: the folder of the official file, or of samples of it: ``healthbench*.jsonl``.
        theme: one of the seven, as in the paper M★, which takes ``health_data_tasks`` and
            ``emergency_referrals`` each alone; or ``all``, each theme split by itself.
        learning: ``offline``, episodes come with their rubric; or ``online``, they are answered first.
        clipping: ``answer``, each score is at least 0, as in the paper M★; or ``mean``, only the mean is, as
        in
            the original.

    Raises:
        UsageError: no file is there, a line is not as expected, or a theme has too few conversations.
    """
    if theme != "all" and theme not in THEMES:
        raise UsageError(f"Option theme={theme!r}: expected all or one of {', '.join(THEMES)}.")
    if clipping not in ("answer", "mean"):
        raise UsageError(f"Option clipping={clipping!r}: expected answer or mean.")
    tasks = _tasks(_paths(data_dir))
    taken = [name for name in THEMES if theme in ("all", name)]
    parts = [_split([task for task in tasks if task.category == name], name) for name in taken]
    episodes, validation, test = ([task for part in parts for task in part[n]] for n in range(3))
    return Benchmark(
        name="healthbench",
        episodes=rubric_episodes(episodes, learning),
        validation=tuple(validation),
        test=tuple(test),
        metric="rubric" if clipping == "answer" else "rubric_unclipped",
        retrieval_metric="rubric_coverage",
        learning=learning,
        version=f"1-{theme}-{learning}-{fingerprint(tasks)}",
        card={
            **CARD,
            "here": f"{len(tasks)} conversations"
            + ("" if len(tasks) == CONVERSATIONS else ", a sample: not to be compared with published scores"),
            "splits": f"theme={theme}: 54 % episodes, 5/11 of the rest but at most 100 held out, the rest "
            "validation; which conversation falls where is our draw, M★'s is not published",
        },
    )


def _paths(data_dir: Path) -> list[Path]:
    """The official file, else all samples."""
    if (data_dir / DATA).is_file():
        return [data_dir / DATA]
    samples = sorted(data_dir.glob("healthbench*.jsonl"))
    return samples or [locate(data_dir, [DATA], "healthbench")]


def _tasks(paths: Sequence[Path]) -> list[Task]:
    """The conversations, each once."""
    tasks: dict[str, Task] = {}
    for path in paths:
        for row in rows_of(path):
            task = _task(row)
            tasks.setdefault(task.id, task)
    return list(tasks.values())


def _task(row: Row) -> Task:
    themes = [tag.removeprefix("theme:") for tag in row.texts("example_tags") if tag.startswith("theme:")]
    if len(themes) != 1 or themes[0] not in THEMES:
        raise UsageError(f"{row.where}: expected one known theme in example_tags, found {themes}.")
    rubric = tuple(
        Criterion(text=entry.text("criterion"), points=entry.number("points"))
        for entry in row.rows("rubrics")
    )
    if not any(criterion.points > 0 for criterion in rubric):
        raise UsageError(f"{row.where}: its rubric has no positive points, so that nothing can be earned.")
    turns = [(turn.text("role"), turn.text("content")) for turn in row.rows("prompt")]
    if not turns:
        raise UsageError(f"{row.where}: 'prompt' is empty; expected a conversation.")
    ideal = row.row("ideal_completions_data") if "ideal_completions_data" in row else None
    answer = ideal.value("ideal_completion", str).strip() if ideal and "ideal_completion" in ideal else ""
    return Task(
        id=row.text("prompt_id"),
        question=conversation(turns),
        answers=(answer,) if answer else (),
        category=themes[0],
        rubric=rubric,
    )


def _split(tasks: Sequence[Task], theme: str) -> tuple[list[Task], list[Task], list[Task]]:
    return three_parts(
        tasks,
        episode_share=EPISODE_SHARE,
        test_share=TEST_SHARE,
        most_test=MOST_TEST,
        benchmark=f"healthbench {theme}",
        key=lambda task: task.id,
        category=lambda task: task.category,
    )
