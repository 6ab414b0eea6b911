"""PersonaMem: choose the response that fits a user's profile as it is now (Jiang et al., COLM 2025)."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from evolve.benchmark import Benchmark, benchmark
from evolve.data import DataFile, Row, csv_rows, fingerprint, groups_apart, locate, rows_of
from evolve.errors import UsageError
from evolve.records import Episode, Task

Size = Literal["32k", "128k", "1M"]
SIZES = ("32k", "128k", "1M")
SOURCE = "https://huggingface.co/datasets/bowen-upenn/PersonaMem/resolve/main"
FILES = tuple(
    DataFile(name, f"{SOURCE}/{name}", needed={"size": (size,)})
    for size in SIZES
    for name in (f"questions_{size}.csv", f"shared_contexts_{size}.jsonl")
)
TEST_SHARE = 0.4
ANSWER_FORMAT = (
    "Choose the most fitting response of these, and end with its letter, (a), (b), (c) or (d), after "
    "<final_answer>."
)
CARD = {
    "task": "choose one of four responses to a user, after sessions in which the user's preferences change",
    "size": "more than 180 histories of up to 60 sessions; 589 questions on those of 32,000 tokens",
    "source": "https://github.com/bowen-upenn/PersonaMem; data: bowen-upenn/PersonaMem on Hugging Face "
    "(Jiang et al., COLM 2025)",
    "licence": "see the dataset's page",
    "metric": "personamem_choice: the right letter and no other. Offline: coverage of the words of the right "
    "response, which the other three share in part",
    "official metric": "yes: accuracy by the rules of inference_standalone_openai.py",
    "splits": "ours: 40 % of the histories for test; the original has no split and no search",
    "protocol": "interleaved, as in the original: a question is asked after the messages before its end "
    "index. A history is cut into episodes at its system messages, which begin a session, and at every end "
    "index. The answering agent, not the memory, is given the four responses",
    "not verified": "the data: none was at hand; files, columns and the form of a history are those of the "
    "official inference script; tested on a fixture. The licence was not seen",
}


@benchmark(files=FILES, card=CARD, metric="personamem_choice", protocol="grouped, interleaved")
def personamem(data_dir: Path, *, size: Size = "32k") -> Benchmark:
    """Users whose preferences change over sessions with a chatbot; one of four responses fits them now.

    A history is shared by many questions and is a memory; each question is asked at its own moment of it.
    The histories of the test are not those of validation.

    Args:
        data_dir: the folder of ``questions_SIZE.csv`` and ``shared_contexts_SIZE.jsonl``.
        size: tokens of a history: ``32k``, ``128k`` or ``1M``.

    Raises:
        UsageError: a file is missing or malformed, or the option is unknown.
    """
    if size not in SIZES:
        raise UsageError(f"Option size={size!r}: expected {', '.join(SIZES)}.")
    questions = list(csv_rows(locate(data_dir, [f"questions_{size}.csv"], "personamem")))
    contexts = _contexts(locate(data_dir, [f"shared_contexts_{size}.jsonl"], "personamem"))
    ends: dict[str, set[int]] = {}
    for row in questions:
        history = row.text("shared_context_id")
        if history not in contexts:
            raise UsageError(
                f"{row.where}: there is no shared context {history!r}; are both files of one size?"
            )
        ends.setdefault(history, set()).add(_end(row, contexts[history]))
    cuts = {history: _cuts(contexts[history], ends[history]) for history in ends}
    episodes = [one for history, at in cuts.items() for one in _episodes(history, contexts[history], at)]
    tasks = [_task(row, cuts[row.text("shared_context_id")], contexts) for row in questions]
    validation, test = groups_apart(tasks, TEST_SHARE, benchmark="personamem", group=lambda task: task.group)
    return Benchmark(
        name="personamem",
        episodes=tuple(episodes),
        validation=tuple(validation),
        test=tuple(test),
        scope="grouped",
        metric="personamem_choice",
        retrieval_metric="coverage",
        version=f"1-{size}-{fingerprint([*episodes, *tasks])}",
        card={**CARD, "here": f"{len(tasks)} questions on {len(cuts)} histories"},
    )


def _contexts(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Id of a history → role and content of its messages. Each line is an object with one key, the id."""
    contexts = {}
    for row in rows_of(path):
        if len(row.fields) != 1:
            raise UsageError(f"{row.where}: expected one key, the id of a history; found {len(row.fields)}.")
        (history,) = row.fields
        contexts[history] = [(one.text("role"), one.value("content", str)) for one in row.rows(history)]
    return contexts


def _end(row: Row, messages: Sequence[object]) -> int:
    """Number of messages before the question; a negative number counts from the end, as in the original."""
    try:
        end = int(row.text("end_index_in_shared_context"))
    except ValueError:
        end = 0
    end = end + len(messages) if end < 0 else min(end, len(messages))
    if end < 1:
        found = row.fields["end_index_in_shared_context"]
        raise UsageError(f"{row.where}: 'end_index_in_shared_context' is {found!r}; expected a whole number.")
    return end


def _cuts(messages: Sequence[tuple[str, str]], ends: set[int]) -> list[int]:
    """Ends of the episodes up to the last question."""
    starts = {place for place, (role, _) in enumerate(messages) if role == "system" and place}
    return sorted({place for place in starts if place < max(ends)} | ends)


def _episodes(history: str, messages: Sequence[tuple[str, str]], cuts: Sequence[int]) -> Iterator[Episode]:
    for number, (start, end) in enumerate(zip([0, *cuts], cuts, strict=False), 1):
        lines = [" ".join(f"{role}: {content}".split()) for role, content in messages[start:end]]
        yield Episode(id=f"{history}/part-{number}", text="\n".join(lines), group=history)


def _task(row: Row, cuts: Sequence[int], contexts: Mapping[str, Sequence[tuple[str, str]]]) -> Task:
    history, right = row.text("shared_context_id"), row.text("correct_answer")
    options = _options(row)
    letter = f"({right.lower().strip('() ')})"
    response = next((option for option in options if option.lower().startswith(letter)), "")
    if not response:
        raise UsageError(f"{row.where}: 'correct_answer' is {right!r}, which is none of its options.")
    number = cuts.index(_end(row, contexts[history])) + 1
    return Task(
        id=row.text("question_id"),
        question=row.text("user_question_or_message"),
        answers=(response[len(letter) :].strip() or letter,),
        group=history,
        category=row.text("question_type"),
        answer_format="\n".join([ANSWER_FORMAT, *options]),
        scorer=letter,
        after=f"{history}/part-{number}",
    )


def _options(row: Row) -> list[str]:
    """The four responses, each with its letter; the data have a list in a string."""
    text = row.text("all_options")
    try:
        options = json.loads(text)
    except json.JSONDecodeError:
        options = _python_list(text)
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        raise UsageError(f"{row.where}: 'all_options' is {text!r:.80}; expected a list of texts.")
    return [" ".join(option.split()) for option in options]


def _python_list(text: str) -> object:
    """A list as Python writes it, with single quotes."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
