"""LongMemEval-V2: what a web agent should know of an environment from its past runs (arXiv 2605.12493)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from evolve.benchmark import Benchmark, benchmark
from evolve.data import DataFile, Row, json_object, locate, rows_of, validation_and_test
from evolve.errors import UsageError
from evolve.records import Episode, Task
from evolve.scoring import parse_eval_function

Tier = Literal["small", "medium"]
SOURCE = "https://huggingface.co/datasets/xiaowu0162/longmemeval-v2/resolve/main"
QUESTIONS, TRAJECTORIES = "questions.jsonl", "trajectories.jsonl"
FILES = (
    DataFile(QUESTIONS, f"{SOURCE}/{QUESTIONS}"),
    DataFile(TRAJECTORIES, f"{SOURCE}/{TRAJECTORIES}"),
    *(
        DataFile(
            f"haystacks/lme_v2_{tier}.json",
            f"{SOURCE}/haystacks/lme_v2_{tier}.json",
            needed={"tier": (tier,)},
        )
        for tier in ("small", "medium")
    ),
)
ABILITIES = {
    "static-environment": "static-state",
    "dynamic-environment": "dynamic-state",
    "procedure": "workflow",
    "errors-gotchas": "gotchas",
}
PREMISE = "premise"
"""The ability of the types that end in ``-abs``: the question supposes what is not so."""
DOMAINS = ("web", "enterprise")
TEST_SHARE = 0.4
CARD = {
    "task": "answer a question about an environment from the runs of agents in it",
    "size": "451 questions, 1,870 runs, two domains; small: 100 runs a question, medium: up to 500",
    "source": "https://github.com/xiaowu0162/LongMemEval-V2; data: xiaowu0162/longmemeval-v2 on Hugging Face",
    "licence": "Apache-2.0",
    "metric": "longmemeval_v2: each question by the eval_function that it names, phrases and choices "
    "without a model, gotchas and premises by the judge; UNKNOWN is wrong. Offline: coverage of the "
    "answer's content words, which says nothing where the answer is a letter",
    "official metric": "yes for phrases and choices; differs for gotchas and premises in the judge's prompt, "
    "which is ours with the official criteria in our words. LAFS, of accuracy and latency: "
    "evolve.scoring.lafs, and at the end of evolve run; measured without the program's model calls",
    "baselines": "AgentRunbook-C is no initial program here: it sends a coding agent with a shell and its "
    "own model into a folder of runs, and a memory program has neither shell nor files; its trajectory "
    "summaries and the retrieval of AgentRunbook-R fit the contract",
    "splits": "ours: 40 % of each ability for test; validation and test may share runs, as questions "
    "do; the original has no split and no search",
    "not verified": "the data: none was at hand; files, fields and question types are those of the official "
    "loader and harness; tested on a fixture",
}
GUIDANCE = {
    PREMISE: "the question supposes what is not so, and the reference says what. Right is an answer that "
    "rejects that premise for the same reason, or says that it cannot see this environment and therefore "
    "cannot verify it. Wrong is one that answers under the premise, also beside rejecting it, and one that "
    "only says that it does not know.",
    "gotchas": "the reference lists insights. Right is an answer with at least one of them, in whatever "
    "words, that contradicts none. Wrong is one that points in another direction or stays general.",
}
"""By ability, the criteria of the official judge."""
ANSWER_FORMAT = (
    "End with the answer alone, inside \\boxed{...}. If you do not know it, write \\boxed{UNKNOWN} and do "
    "not guess. If the question supposes what is not so, say in the box what is wrong with it."
)


@benchmark(files=FILES, card=CARD, metric="longmemeval_v2", protocol="grouped")
def longmemeval_v2(
    data_dir: Path, *, tier: Tier = "small", domain: str = "web", state_chars: int = 2000
) -> Benchmark:
    """Questions about a web environment, answered from the runs of agents in it; five abilities.

    A run (a trajectory) is an episode: its goal and outcome, then for each state the address, what the agent
    thought and did, and what it saw. Questions that share a haystack share a memory.

    Args:
        data_dir: the folder of ``questions.jsonl``, ``trajectories.jsonl`` and ``haystacks/``.
        tier: ``small``, 100 runs a question; or ``medium``, up to 500.
        domain: ``web`` or ``enterprise``.
        state_chars: keep so many characters of what was seen in each state; 0 for all of it, which can be a
            hundred thousand tokens a run.

    Raises:
        UsageError: a file is missing or malformed, or an option is out of its range.
    """
    if tier not in ("small", "medium"):
        raise UsageError(f"Option tier={tier!r}: expected small or medium.")
    if domain not in DOMAINS:
        raise UsageError(f"Option domain={domain!r}: expected web or enterprise.")
    if state_chars < 0:
        raise UsageError(f"Option state_chars={state_chars}: expected 0 or more.")
    rows = [row for row in rows_of(locate(data_dir, [QUESTIONS], "longmemeval_v2")) if _domain(row) == domain]
    asked = [row for row in rows if "image" not in row]
    haystack_path = locate(data_dir, [f"haystacks/lme_v2_{tier}.json"], "longmemeval_v2")
    haystacks = json_object(haystack_path)
    wanted = {row.text("id"): haystacks.texts(row.text("id")) for row in asked}
    needed = {id for ids in wanted.values() for id in ids}
    texts = _texts(locate(data_dir, [TRAJECTORIES], "longmemeval_v2"), needed, state_chars)
    groups = _groups(wanted, texts, haystack_path)
    tasks = [_task(row, groups[row.text("id")]) for row in asked]
    validation, test = validation_and_test(
        tasks, TEST_SHARE, benchmark="longmemeval_v2", key=lambda t: t.id, category=lambda t: t.category
    )
    members = {group: wanted[id] for id, group in groups.items()}
    digest = hashlib.sha256("\n".join(task.model_dump_json() for task in tasks).encode())
    for id in sorted(texts):
        digest.update(texts[id].encode())
    left_out = len(rows) - len(asked)
    here = f"{len(tasks)} questions, {left_out} with an image left out; {len(texts)} runs"
    return Benchmark(
        name="longmemeval_v2",
        episodes=tuple(
            Episode(id=f"{group}/{id}", text=texts[id], group=group)
            for group, ids in members.items()
            for id in ids
        ),
        validation=tuple(validation),
        test=tuple(test),
        scope="grouped",
        metric="longmemeval_v2",
        retrieval_metric="coverage",
        guidance=GUIDANCE,
        version=f"2-{tier}-{domain}-{state_chars}-{digest.hexdigest()[:8]}",
        card=_card(here, state_chars),
    )


def _card(here: str, state_chars: int) -> dict[str, str]:
    return {
        **CARD,
        "here": here,
        "protocol": f"text only: no screenshots, and {state_chars or 'all'} characters of each state's "
        "accessibility tree; questions with an image are left out. A memory gives back as much text as a "
        "campaign allows, not the original's token budget; latency is an objective and no part of the "
        "score",
    }


def _domain(row: Row) -> str:
    domain = row.text("domain")
    if domain not in DOMAINS:
        raise UsageError(f"{row.where}: domain is {domain!r}; expected web or enterprise.")
    return domain


def _task(row: Row, group: str) -> Task:
    kind = row.text("question_type")
    ability = PREMISE if kind.endswith("-abs") else ABILITIES.get(kind)
    if ability is None:
        known = ", ".join(ABILITIES)
        raise UsageError(
            f"{row.where}: question_type is {kind!r}; expected one of {known}, or one with -abs."
        )
    return Task(
        id=row.text("id"),
        question=row.text("question"),
        answers=(row.label("answer"),),
        group=group,
        category=ability,
        answer_format=ANSWER_FORMAT,
        scorer=_eval_function(row),
    )


def _eval_function(row: Row) -> str:
    spec = row.text("eval_function")
    try:
        parse_eval_function(spec)
    except ValueError as error:
        raise UsageError(f"{row.where}: {error}.") from error
    return spec


def _groups(wanted: Mapping[str, Sequence[str]], texts: Mapping[str, str], path: Path) -> dict[str, str]:
    """Question → name of its haystack; questions with the same runs in the same order have the same one."""
    names: dict[tuple[str, ...], str] = {}
    groups = {}
    for question, ids in wanted.items():
        lost = [id for id in ids if id not in texts]
        if lost or not ids or len(set(ids)) < len(ids):
            what = (
                f"names the run {lost[0]!r}, which is not in {TRAJECTORIES}"
                if lost
                else "is empty or repeats"
            )
            raise UsageError(f"{path.name}: the haystack of {question} {what}. Are all files of one version?")
        groups[question] = names.setdefault(tuple(ids), f"haystack-{len(names) + 1}")
    return groups


def _texts(path: Path, needed: set[str], state_chars: int) -> dict[str, str]:
    """The runs that are needed, by id."""
    texts = {}
    for row in rows_of(path):
        id = row.text("id")
        if id in needed:
            texts[id] = "\n".join(_lines(row, state_chars))
    return texts


def _lines(row: Row, state_chars: int) -> Iterator[str]:
    yield f"Goal: {row.value('goal', str)}"
    outcome = row.value("outcome", str).strip() if "outcome" in row else ""
    if outcome:
        yield f"Outcome: {outcome}"
    for number, state in enumerate(row.rows("states"), 1):
        yield f"State {number}: {state.text('url')}"
        seen = _either(state, "accessibility_tree", "text")
        yield f"Seen: {seen[:state_chars] if state_chars else seen}"
        if "thought" in state or "thoughts" in state:
            yield f"Thought: {_either(state, 'thought', 'thoughts')}"
        if "action" in state:
            yield f"Action: {' '.join(state.value('action', str).split())}"


def _either(state: Row, name: str, other: str) -> str:
    """The text under either of two names that the official loader takes, on one line."""
    known = other if name not in state and other in state else name
    return " ".join(state.value(known, str).split())
