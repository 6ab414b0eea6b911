"""PRBench: questions of finance and law, marked by professionals' weighted rubrics (Akyürek et al., 2025)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from evolve.benchmark import Benchmark, benchmark
from evolve.data import DataFile, Row, fingerprint, locate, rows_of, three_parts
from evolve.data.rubrics import conversation, rubric_episodes
from evolve.errors import UsageError
from evolve.records import Criterion, Learning, Task

Field = Literal["legal", "finance"]
SOURCE = "https://huggingface.co/datasets/ScaleAI/PRBench/resolve/main/data"
FILES = tuple(
    DataFile(
        f"{part}-00000-of-00001.parquet",
        f"{SOURCE}/{part}-00000-of-00001.parquet",
        needed={"field": (field,)},
    )
    for field in ("legal", "finance")
    for part in (field, f"{field}_hard")
)
SIZES = {"legal": 500, "finance": 600}
TURNS = 10
EPISODE_SHARE, TEST_SHARE, MOST_TEST = 0.4, 1 / 3, 50
"""Of the tasks that are not hard. The paper M★ has 100 / 100 / 50 of 250 legal ones, 120 / 130 / 50 of 300 of
finance."""
CARD = {
    "size": "500 legal and 600 finance tasks, of which 250 and 300 are hard; 10 to 30 criteria each",
    "source": "https://github.com/scaleapi/PRBench; data: ScaleAI/PRBench on Hugging Face",
    "licence": "CC BY 4.0; the records carry a canary and must not be published again",
    "metric": "rubric: a judge marks each criterion, weights met over positive weights, clipped for "
    "each answer as in the paper M★. The original reports this unclipped, and a second score that is "
    "scaled between the lowest and highest sum. Offline: rubric_coverage, a proxy of words",
    "official metric": "differs: clipped for each answer, where the original's score is not and has a "
    "second, scaled one; --metric rubric_unclipped gives the first, with the mean kept within 0 and 1",
    "splits": "40 % episodes, a third of the rest but at most 50 held out, the rest validation; "
    "which task falls where is our draw, M★'s is not published",
    "protocol": "pooled, one memory; the original has no memory and no episodes. The rubric marks "
    "the answer to the last turn; earlier turns keep the model answers of the data. A criterion is "
    "its title and weighs what its own weight class says. The category is the topic",
    "not verified": "checksums, and the official Parquet files themselves (their names and columns "
    "are known from descriptions; read here: JSON lines of the same records)",
}


@benchmark(files=FILES, card=CARD, metric="rubric", protocol="pooled")
def prbench(data_dir: Path, *, field: Field = "legal", learning: Learning = "offline") -> Benchmark:
    """Open questions of finance or law; answers are marked by professionals' weighted criteria.

    40 % of the tasks are episodes: a conversation with what was expected of its next answer. Up to 50 are
    held out for test and the rest is validation. The hard subset is left out, as in the paper M★.

    Args:
        data_dir: the folder of the official files, Parquet, or the same as JSON lines (``legal.jsonl`` and
            ``legal_hard.jsonl``); or of a sample, ``prbench_legal*.jsonl``, of which nothing is left out.
        field: ``legal`` or ``finance``.
        learning: ``offline``, episodes come with their rubric; or ``online``, they are answered first.

    Raises:
        UsageError: a file is missing, a record is not as expected, or there are too few.
    """
    if field not in SIZES:
        raise UsageError(f"Option field={field!r}: expected legal or finance.")
    path, hard = _paths(data_dir, field)
    rows = list(rows_of(path))
    left_out = {row.text("task") for row in rows_of(hard)} if hard else set()
    tasks = [_task(row, field) for row in rows if row.text("task") not in left_out]
    episodes, validation, test = three_parts(
        tasks,
        episode_share=EPISODE_SHARE,
        test_share=TEST_SHARE,
        most_test=MOST_TEST,
        benchmark=f"prbench {field}",
        key=lambda task: task.id,
        category=lambda task: task.category,
    )
    return Benchmark(
        name="prbench",
        episodes=rubric_episodes(episodes, learning),
        validation=tuple(validation),
        test=tuple(test),
        metric="rubric",
        retrieval_metric="rubric_coverage",
        learning=learning,
        version=f"1-{field}-{learning}-{fingerprint(tasks)}",
        card={
            **CARD,
            "task": f"answer a professional's question about {'law' if field == 'legal' else 'finance'}",
            "here": f"{len(tasks)} of {len(rows)} tasks in {path.name}"
            + (", without the hard ones" if hard else ", a sample with what is in it, hard or not")
            + ("" if len(rows) == SIZES[field] else ": not to be compared with published scores"),
        },
    )


def _paths(data_dir: Path, field: str) -> tuple[Path, Path | None]:
    """The file of all tasks, and that of the hard ones; a sample has no second."""
    names = [f"{field}-00000-of-00001.parquet", f"{field}.jsonl"]
    path = locate(data_dir, [*names, f"prbench_{field}*.jsonl"], "prbench")
    if path.name not in names:
        return path, None
    return path, locate(data_dir, [path.name.replace(field, f"{field}_hard", 1)], "prbench")


def _task(row: Row, field: str) -> Task:
    if row.text("field").lower() != field:
        raise UsageError(f"{row.where}: field is {row.text('field')!r}; expected {field}.")
    rubric = tuple(_criterion(entry) for entry in row.rows("rubric"))
    if not any(criterion.points > 0 for criterion in rubric):
        raise UsageError(f"{row.where}: its rubric has no positive weight, so that nothing can be earned.")
    turns = list(_turns(row))
    if not turns or turns[-1][0] != "user":
        raise UsageError(f"{row.where}: expected a conversation that ends with a prompt.")
    return Task(id=row.text("task"), question=conversation(turns), category=row.text("topic"), rubric=rubric)


def _criterion(entry: Row) -> Criterion:
    """The weight is that of the entry's own class; those of other classes may be stale."""
    notes = entry.row("annotations")
    weight = notes.number(f"{notes.text('weight_class').replace(' ', '_')}_weight")
    return Criterion(text=entry.text("title").strip(), points=weight)


def _turns(row: Row) -> Iterator[tuple[str, str]]:
    """Prompts, each with the texts it refers to before it, and the answers between them."""
    for number in range(TURNS):
        prompt, response = f"prompt_{number}", f"response_{number}"
        if _said(row, prompt):
            references = row.texts(f"reference_texts_{number}") if f"reference_texts_{number}" in row else []
            before = "".join(f"Reference text {n}:\n{text}\n\n" for n, text in enumerate(references, 1))
            yield "user", before + row.text(prompt)
        if _said(row, response):
            yield "assistant", row.text(response)


def _said(row: Row, key: str) -> bool:
    """Turns that did not happen are null, empty or left out."""
    return key in row and bool(row.value(key, str).strip())
