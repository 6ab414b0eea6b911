"""Failure analysis: attribution by stage, refined to cues that point at an operator."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum

from evolve.mutation.protocol import MutationContext
from evolve.records import Episode, Evidence, ItemResult, Stage, Task
from evolve.scoring import contains_passage, content_words

_SPEAKER = re.compile(r"\w+(?=:)|[^\W\d_][\w.'’-]*(?: [^\W\d_][\w.'’-]*){1,4}(?=:)")
_KIND = re.compile(
    r"\b(?:when|where|who|whose|whom|how (?:many|much|long|old|often)|"
    r"(?:what|which) (?:day|date|month|year|time|city|town|country|place))\b",
    re.IGNORECASE,
)
_FULL = 0.7  # share of the longest retrieved text, below which there was room for more


class Cue(StrEnum):
    """Circumstance of a failure, found by comparing the retrieved text with the gold evidence."""

    LOST = "the evidence did not survive write"
    UNUSED = "the evidence came back and was not used"
    CROWDED = "the text that came back was full, and of other things"
    SLACK = "there was room for more"
    ADJACENT = "the line beside the missing one came back"
    SAME_EPISODE = "another line of the same episode came back"
    SPEAKER = "the question names who said the missing line"
    WORDS = "the missing line shares words with the question"
    PARAPHRASE = "the missing line shares no word with the question"
    HEADING = "the question shares a date or a name with the heading above the missing line"
    KIND = "the question asks for a time, a number, a name or a place"
    REVISED = "the question asks for the present state"
    SEVERAL = "the evidence stands in several episodes"
    REPEATED = "the same lines, such as headings, came back again and again"
    QUESTIONS = "many of the lines that came back only ask something"
    WASTEFUL = "the evidence came back in a text that is longer than it need be"


def _speaker(line: str) -> list[str]:
    """Return the names of the speaker, such as Mary and Lee of ``Mary Lee: …``; empty if there is none."""
    match = _SPEAKER.match(line)
    words = match[0].split() if match else []
    if len(words) < 2:
        return words
    capitals = [word for word in words if word[0].isupper()]  # "de" and "van" are not names
    return capitals if words[0][0].isupper() and words[-1][0].isupper() else []


def diagnose(context: MutationContext) -> dict[Cue, float]:
    """Each cue's share of the items of the context's diagnosis, in [0, 1], failures weighted by 1 − score."""
    items = [item for item in context.diagnosis.items if item.task in context.tasks]
    longest = max((len(item.retrieved) for item in items), default=0) or 1
    weights = dict.fromkeys(Cue, 0.0)
    total = 0.0
    for item in items:
        total += 1.0
        lost = max(0.0, 1.0 - item.score)
        if lost > 0.0:
            for cue in set(_cues(item, context.tasks[item.task], context.episodes, longest)):
                weights[cue] += lost
        elif len(item.retrieved) > _FULL * longest:
            weights[Cue.WASTEFUL] += 1.0
    return {cue: weights[cue] / total if total else 0.0 for cue in Cue}


def _cues(item: ItemResult, task: Task, episodes: Mapping[str, Episode], longest: int) -> Iterator[Cue]:
    if item.stage in (Stage.LOST_IN_WRITE, Stage.NOT_MAINTAINED):
        yield Cue.LOST
    if item.stage is Stage.NOT_USED:
        yield Cue.UNUSED
    missing = [e for e in task.evidence if not contains_passage(item.all_retrieved, e.text)]
    if not missing:
        return
    yield Cue.CROWDED if len(item.retrieved) > _FULL * longest else Cue.SLACK
    if len({e.episode for e in task.evidence}) > 1:
        yield Cue.SEVERAL
    if _KIND.search(task.question):
        yield Cue.KIND
    if re.search(
        r"\b(now|current|currently|latest|last|still|most recent|these days)\b", task.question, re.I
    ):
        yield Cue.REVISED
    lines = [line for line in item.retrieved.split("\n") if line.strip()]
    if sum(line.rstrip().endswith("?") for line in lines) > 0.3 * len(lines) > 0:
        yield Cue.QUESTIONS
    if len(lines) - len(set(lines)) > 0.15 * len(lines):
        yield Cue.REPEATED
    for evidence in missing:
        yield from _cues_of(evidence, item, task, episodes)


def _cues_of(
    evidence: Evidence, item: ItemResult, task: Task, episodes: Mapping[str, Episode]
) -> Iterator[Cue]:
    """Yield the cues on one missing passage, from its relation to the question and to the retrieved text."""
    asked = set(content_words(task.question))
    shared = asked & set(content_words(evidence.text))
    yield Cue.WORDS if shared else Cue.PARAPHRASE
    if any(re.search(rf"\b{re.escape(name)}\b", task.question) for name in _speaker(evidence.text)):
        yield Cue.SPEAKER
    episode = episodes.get(evidence.episode)
    if episode is None:
        return
    lines = [line.strip() for line in episode.text.split("\n") if line.strip()]
    marks = set(re.findall(r"\b(?:[A-Z][a-z]+|\d+)\b", task.question))
    if lines and marks & set(re.findall(r"\w+", lines[0])):
        yield Cue.HEADING
    place = next((n for n, line in enumerate(lines) if evidence.text.strip() in line), None)
    if place is None:
        return
    beside = [lines[n] for n in (place - 1, place + 1) if 0 < n < len(lines)]
    if any(line in item.retrieved for line in beside):
        yield Cue.ADJACENT
    elif any(line in item.retrieved for line in lines[1:] if len(line) > 20):
        yield Cue.SAME_EPISODE
