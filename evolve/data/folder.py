"""A user's own benchmark as a folder: ``episodes.jsonl``, ``questions.jsonl``, and maybe ``benchmark.toml``.

A line of ``episodes.jsonl`` is an object with ``text`` and, optional, ``id`` and ``group``. A line of
``questions.jsonl`` has ``question``; ``answer``, ``answers`` or ``rubric`` (a list of ``text`` and
``points``); and, optional, ``id``, ``group``, ``category``, ``split`` (validation or test), ``after`` (the id
of the episode after which it is asked) and ``evidence`` (a list of ``episode`` and ``text``, a passage of
it). Both may have ``metadata``, which nothing reads. ``SETTINGS`` are what ``benchmark.toml`` may say.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from evolve.data.reading import content_of, json_lines
from evolve.data.rows import REMEDY, Row
from evolve.data.splitting import validation_and_test
from evolve.errors import UsageError
from evolve.records import Criterion, Episode, Evidence, Task

T = TypeVar("T")
EPISODES, QUESTIONS, TOML = "episodes.jsonl", "questions.jsonl", "benchmark.toml"
SETTINGS: Mapping[str, type | tuple[type, ...]] = {
    "scope": str,
    "metric": str,
    "retrieval_metric": str,
    "test_share": (int, float),
    "card": dict,
}
_TOML_TYPES: Mapping[object, str] = {str: "text", dict: "a table"}
TEST_SHARE = 0.4
SPLITS = ("validation", "test")

_EPISODE = ("id", "text", "group", "metadata")
_GOLD = ("answer", "answers", "rubric")
_QUESTION = ("id", "question", *_GOLD, "group", "category", "split", "after", "evidence", "metadata")


def read(folder: Path) -> dict[str, Any]:
    """Read the folder into the arguments of a ``Benchmark``.

    Where no question has a ``split``, ``test_share`` of each category is held out for test (0.4 unless
    ``benchmark.toml`` says otherwise). The metric is ``rubric`` if all questions have one, else ``f1``.

    Raises:
        UsageError: a file is missing or something in it is not as above; the message says file and line.
    """
    for name in (EPISODES, QUESTIONS):
        if not (folder / name).is_file():
            raise UsageError(
                f"{folder} is not a benchmark: it has no {name}. A benchmark of your own is a folder with "
                f"{EPISODES} and {QUESTIONS}, or with a benchmark.py."
            )
    settings = _settings(folder / TOML)
    episodes = [_episode(row, number) for number, row in enumerate(json_lines(folder / EPISODES))]
    texts = _plain(episodes)
    rows = list(json_lines(folder / QUESTIONS))
    tasks = [_task(row, number, texts) for number, row in enumerate(rows)]
    name = folder.resolve().name
    validation, test = _split(rows, tasks, settings.pop("test_share", TEST_SHARE), name)
    judged = bool(tasks) and all(task.rubric for task in tasks)
    defaults = {"metric": "rubric", "retrieval_metric": "rubric_coverage"} if judged else {}
    return (
        {
            "name": name,
            "episodes": tuple(episodes),
            "validation": tuple(validation),
            "test": tuple(test),
            "version": f"1-{_digest(folder)}",
        }
        | defaults
        | settings
    )


def problems(folder: Path) -> list[str]:
    """Return what ``read`` would refuse, one problem for each record, in the order of the files."""
    found: list[str] = []

    def kept(make: Callable[[], T]) -> T | None:
        try:
            return make()
        except UsageError as error:
            found.append(str(error))
            return None

    kept(lambda: _settings(folder / TOML))
    if not (folder / EPISODES).is_file() or not (folder / QUESTIONS).is_file():
        kept(lambda: read(folder))
        return found
    numbered = kept(lambda: list(enumerate(json_lines(folder / EPISODES, found)))) or []
    episodes = [kept(lambda row=row, number=number: _episode(row, number)) for number, row in numbered]
    texts = _plain(episode for episode in episodes if episode is not None)
    found += _twice(EPISODES, [episode.id for episode in episodes if episode is not None])
    rows = kept(lambda: list(json_lines(folder / QUESTIONS, found))) or []
    tasks = [
        kept(lambda row=row, number=number: _task(row, number, texts)) for number, row in enumerate(rows)
    ]
    found += _twice(QUESTIONS, [task.id for task in tasks if task is not None])
    if any("split" in row for row in rows):
        for row in rows:
            kept(lambda row=row: _split_of(row))
    return found


def _plain(episodes: Iterable[Episode]) -> dict[str, str]:
    """Id → text in which evidence is looked for."""
    return {episode.id: " ".join(episode.text.split()) for episode in episodes}


def _twice(name: str, ids: Sequence[str]) -> list[str]:
    return [f"{name}: {count} records have the id {id!r}." for id, count in Counter(ids).items() if count > 1]


def _settings(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        settings = tomllib.loads(content_of(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not TOML: {error}.") from error
    for key, value in settings.items():
        if key not in SETTINGS:
            raise UsageError(f"{path}: there is no setting {key!r}; expected {', '.join(SETTINGS)}.")
        if not isinstance(value, SETTINGS[key]):
            raise UsageError(
                f"{path}: {key} = {value!r}; expected {_TOML_TYPES.get(SETTINGS[key], 'a number')}."
            )
    share = settings.get("test_share", TEST_SHARE)
    if not 0 < share < 1:
        raise UsageError(f"{path}: test_share = {share}; expected a number between 0 and 1.")
    return settings | ({"card": _card(settings["card"], path)} if "card" in settings else {})


def _card(card: Mapping[str, Any], path: Path) -> dict[str, str]:
    return {key: Row(f"{path}, card", card).text(key) for key in card}


def _episode(row: Row, number: int) -> Episode:
    _closed(row, _EPISODE)
    return Episode(id=_id(row, f"episode-{number + 1}"), text=row.text("text"), group=_optional(row, "group"))


def _task(row: Row, number: int, texts: Mapping[str, str]) -> Task:
    _closed(row, _QUESTION)
    if sum(key in row for key in _GOLD) != 1:
        raise UsageError(f"{row.where}: expected one of {', '.join(_GOLD)}.")
    answers = row.texts("answers") if "answers" in row else [row.label("answer")] if "answer" in row else []
    if any(not answer.strip() for answer in answers):
        name = "answers" if "answers" in row else "answer"
        raise UsageError(f"{row.where}: {name!r} has an empty answer; expected text. {REMEDY}")
    if "answers" in row and not answers:
        raise UsageError(f"{row.where}: 'answers' is empty; expected at least one accepted answer.")
    rubric = [_criterion(entry) for entry in row.rows("rubric")] if "rubric" in row else []
    if "rubric" in row and not any(criterion.points > 0 for criterion in rubric):
        raise UsageError(f"{row.where}: its rubric has no positive points, so that nothing can be earned.")
    return Task(
        id=_id(row, f"question-{number + 1}"),
        question=row.text("question"),
        answers=tuple(answers),
        rubric=tuple(rubric),
        group=_optional(row, "group"),
        category=_optional(row, "category"),
        after=_after(row, texts),
        evidence=tuple(_evidence(entry, texts) for entry in row.rows("evidence"))
        if "evidence" in row
        else (),
    )


def _after(row: Row, texts: Mapping[str, str]) -> str:
    after = _optional(row, "after")
    if after and after not in texts:
        raise UsageError(f"{row.where}: 'after' is {after!r}, which is no episode in {EPISODES}.")
    return after


def _criterion(row: Row) -> Criterion:
    _closed(row, ("text", "points"))
    return Criterion(text=row.text("text"), points=row.number("points"))


def _evidence(row: Row, texts: Mapping[str, str]) -> Evidence:
    _closed(row, ("episode", "text"))
    episode, passage = row.label("episode"), row.text("text")
    if episode not in texts:
        raise UsageError(f"{row.where}: there is no episode {episode!r} in {EPISODES}.")
    if " ".join(passage.split()) not in texts[episode]:
        raise UsageError(f"{row.where}: {passage!r:.80} is not in the text of episode {episode!r}.")
    return Evidence(episode=episode, text=passage)


def _split(
    rows: Sequence[Row], tasks: Sequence[Task], share: float, name: str
) -> tuple[Sequence[Task], Sequence[Task]]:
    said = ["split" in row for row in rows]
    if not any(said):
        return validation_and_test(
            tasks, share, benchmark=name, key=lambda task: task.id, category=lambda task: task.category
        )
    parts: dict[str, list[Task]] = {split: [] for split in SPLITS}
    for row, task in zip(rows, tasks, strict=True):
        parts[_split_of(row)].append(task)
    return parts["validation"], parts["test"]


def _split_of(row: Row) -> str:
    split = row.text("split")
    if split not in SPLITS:
        raise UsageError(f"{row.where}: 'split' is {split!r}; expected {' or '.join(SPLITS)}.")
    return split


def _closed(row: Row, known: Sequence[str]) -> None:
    """A misspelt field must not be taken for one that was left out."""
    for key in row.fields:
        if key not in known:
            raise UsageError(
                f"{row.where} has an unknown field {key!r}; expected {', '.join(known)}."
                + (" Put what is your own under metadata." if "metadata" in known else "")
            )


def _id(row: Row, default: str) -> str:
    return row.label("id") if "id" in row else default


def _optional(row: Row, key: str) -> str:
    return row.label(key) if key in row else ""


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in (EPISODES, QUESTIONS, TOML):
        path = folder / name
        digest.update((content_of(path) if path.is_file() else b"") + b"\0")
    return digest.hexdigest()[:8]
