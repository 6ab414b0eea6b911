"""LongMemEval-V2: each question names its evaluation function (``evaluation/qa_eval_metrics.py``); its LAFS;
and LongMemEval.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

from evolve.records import Evidence, Task
from evolve.scoring.official.minteval import last_boxed
from evolve.scoring.retrieval import contains_passage

ABSTENTION = "_abs"
"""Mark in the id of a question whose answer is not in the history."""
_USER = "user: "


def longmemeval_counts(task: Task) -> bool:
    """Return whether the official averages count ``task``: no abstention, and a user's turn is evidence.

    The official index holds what users say, so that evidence in an assistant's turn alone cannot be found.
    The official average leaves abstention out; it gives a question without a target recall_any 0 and
    recall_all 1, which says nothing of a memory, so that these are left out here.
    """
    return ABSTENTION not in task.id and bool(_turns(task))


def longmemeval_recall_any(task: Task, retrieved: str) -> float:
    """1 if a user's evidence turn of any session is in ``retrieved``, else 0; of sessions and turns alike."""
    return float(any(contains_passage(retrieved, turn.text) for turn in _turns(task)))


def longmemeval_session_recall_all(task: Task, retrieved: str) -> float:
    """1 if a user's evidence turn of every session with one is in ``retrieved``, else 0."""
    turns = _turns(task)
    found = {turn.episode for turn in turns if contains_passage(retrieved, turn.text)}
    return float(found == {turn.episode for turn in turns})


def longmemeval_turn_recall_all(task: Task, retrieved: str) -> float:
    """1 if every user's evidence turn is in ``retrieved``, else 0."""
    return float(all(contains_passage(retrieved, turn.text) for turn in _turns(task)))


def _turns(task: Task) -> list[Evidence]:
    return [passage for passage in task.evidence if passage.text.startswith(_USER)]


JUDGED = frozenset({"llm_abstention_checker", "llm_gotchas_checker"})
"""Evaluation functions that ask a judge."""
_FILLERS = frozenset("AND ANSWER ANSWERS CHOICE CHOICES FINAL LETTER LETTERS OPTION OPTIONS".split())  # noqa: SIM905
_FLAGS: tuple[str, ...] = ("lower", "normalize_hyphen", "strip_punct", "require_non_empty")


@dataclass(frozen=True)
class EvalFunction:
    """Evaluation function of a question with its options.

    Attributes:
        name: name of the function in the official code.
        flags: ``lower``, ``normalize_hyphen``, ``strip_punct``, ``require_non_empty``; all true by default.
        separators: characters that separate the phrases of an answer.
        strip_chars: characters dropped from a choice.
    """

    name: str
    flags: Mapping[str, bool]
    separators: Sequence[str] = (",", ";")
    strip_chars: str = "."


def parse_eval_function(spec: str) -> EvalFunction:
    """Return the evaluation function that ``spec`` names, as ``name|key=value|…``.

    Raises:
        ValueError: the name or an option is unknown, malformed, or given twice.

    Example:
        >>> parse_eval_function("norm_phrase_set_match|separators=;|lower=false").separators
        (';',)
    """
    name, *options = (part.strip() for part in spec.split("|"))
    if name not in JUDGED and name not in _FUNCTIONS:
        expected = ", ".join(sorted([*_FUNCTIONS, *JUDGED]))
        raise ValueError(f"the eval_function {name!r} is unknown; expected one of {expected}")
    flags: dict[str, bool] = dict.fromkeys(_FLAGS, True)
    found: dict[str, str] = {}
    for option in filter(None, options):
        key, is_there, value = (part.strip() for part in option.partition("="))
        if not is_there or key in found:
            raise ValueError(f"the option {option!r} of eval_function {spec!r} is malformed or given twice")
        found[key] = value
    for key in found.keys() & set(_FLAGS):
        if found[key].lower() not in ("true", "false"):
            raise ValueError(f"the option {key} of eval_function is {found[key]!r}; expected true or false")
        flags[key] = found[key].lower() == "true"
    return EvalFunction(
        name,
        MappingProxyType(flags),
        separators=_separators(found.get("separators", ",;")),
        strip_chars=found.get("strip_chars", "."),
    )


def _separators(value: str) -> tuple[str, ...]:
    """Separators as a JSON list, or one character each."""
    if value.startswith("[") and value.endswith("]"):
        return tuple(map(str, json.loads(value)))
    return tuple(character for character in value if not character.isspace())


def is_judged(task: Task) -> bool:
    """Return whether the evaluation function of ``task`` asks a judge."""
    return task.scorer.partition("|")[0].strip() in JUDGED


def final_answer(reply: str) -> str:
    r"""Return the last ``\boxed{}`` of ``reply``; the whole reply if there is none or it is empty."""
    return last_boxed(reply) or reply.strip()


def is_unknown(reply: str) -> bool:
    """Return whether the final answer is UNKNOWN, which the official code scores 0 for every function."""
    return final_answer(reply).lower() == "unknown"


def longmemeval_v2_match(task: Task, answer: str) -> float:
    r"""1 if the final answer passes the deterministic function that the question names, else 0.

    Example:
        >>> tea = Task(id="q", question="?", answers=("tea; milk",), scorer="norm_phrase_set_match")
        >>> longmemeval_v2_match(tea, r"\boxed{Milk and tea}")
        1.0
    """
    function = parse_eval_function(task.scorer)
    if is_unknown(answer):
        return 0.0
    return float(_FUNCTIONS[function.name](function, final_answer(answer), task.answers[0]))


def _normalised(function: EvalFunction, text: str) -> str:
    if function.flags["lower"]:
        text = text.lower()
    if function.flags["normalize_hyphen"]:
        text = text.replace("-", " ").replace("_", " ")
    text = re.sub(r"[,;]", " ", text)
    if function.flags["strip_punct"]:
        text = re.sub(r"[^\w\s]", "", text)
    return " ".join(text.split())


def _phrases(function: EvalFunction, text: str) -> list[str]:
    pattern = "|".join(map(re.escape, function.separators))
    parts = re.split(pattern, text) if pattern else [text]
    return [phrase for phrase in (_normalised(function, part) for part in parts) if phrase]


def _in_order(function: EvalFunction, found: str, gold: str) -> bool:
    """Every phrase occurs as whole words after the one before it."""
    return _occur(function, found, gold, ordered=True)


def _in_any_order(function: EvalFunction, found: str, gold: str) -> bool:
    """Every phrase occurs as whole words."""
    return _occur(function, found, gold, ordered=False)


def _occur(function: EvalFunction, found: str, gold: str, *, ordered: bool) -> bool:
    said, phrases = _normalised(function, found), _phrases(function, gold)
    if function.flags["require_non_empty"] and not (said and phrases):
        return False
    for phrase in phrases:
        match = re.search(rf"\b{re.escape(phrase)}\b", said)
        if match is None:
            return False
        # The rest is searched as a text of its own, so that a word boundary is at its beginning.
        said = said[match.end() :] if ordered else said
    return True


def _choice(function: EvalFunction, found: str, gold: str) -> bool:
    """The same choice; "choice", "option" and the stripped characters do not count."""
    boxed = re.search(r"\\boxed\{([^}]*)\}", found.lower())
    said = re.sub(r"\b(choice|option)\b", "", boxed[1] if boxed else found, flags=re.IGNORECASE)
    for character in function.strip_chars:
        said = said.replace(character, "")
    said, expected = said.strip().upper(), gold.strip().upper()
    if function.flags["require_non_empty"] and not (said and expected):
        return False
    return said == expected


def _choices(function: EvalFunction, found: str, gold: str) -> bool:
    """The same set of letters; every letter of a word that is no filler counts."""
    said, expected = _letters(found), _letters(gold)
    if function.flags["require_non_empty"] and not (said and expected):
        return False
    return said == expected


def _letters(text: str) -> set[str]:
    words = re.findall(r"[A-Z]+", text.upper())
    return {letter for word in words if word not in _FILLERS for letter in word}


_FUNCTIONS: Mapping[str, Callable[[EvalFunction, str, str], bool]] = {
    "norm_phrase_set_match": _in_any_order,
    "norm_phrase_set_match_ordered": _in_order,
    "mc_choice_match": _choice,
    "mc_choice_set_match": _choices,
}


SHORTEST, LONGEST = 1.0, 200.0
"""Range of the latency budgets in seconds; they are uniform in log latency."""
OperatingPoint = tuple[float, float]
"""Accuracy in percent and mean latency of a query in seconds."""
REFERENCE: Mapping[str, tuple[OperatingPoint, ...]] = MappingProxyType(
    {
        "small": ((51.0, 0.2), (69.9, 177.2), (58.6, 26.9), (74.9, 108.3)),
        "medium": ((45.9, 0.3), (68.7, 185.8), (57.0, 25.8), (70.1, 139.9)),
    }
)
"""Tier → the published points of RAG with notes, Codex, AgentRunbook-R and AgentRunbook-C."""


def lafs(points: Sequence[OperatingPoint]) -> float:
    """Return the mean over budgets of the best accuracy among the points within the budget, 0 without one.

    Args:
        points: accuracy in percent, and latency in seconds, which must be positive.

    Raises:
        ValueError: a latency is not positive.

    Example:
        >>> round(lafs([(50.0, 0.5)]), 6), round(lafs([(50.0, 200.0)]), 6)
        (50.0, 0.0)
    """
    for _, latency in points:
        if not latency > 0:
            raise ValueError(f"a latency is {latency}; expected more than 0 seconds")
    stops = sorted({SHORTEST, LONGEST, *(t for _, t in points if SHORTEST < t < LONGEST)})
    area = 0.0
    for left, right in pairwise(stops):
        best = max((accuracy for accuracy, latency in points if latency <= left), default=0.0)
        area += best * math.log(right / left)
    return area / math.log(LONGEST / SHORTEST)


def lafs_gain(tier: str, points: Sequence[OperatingPoint]) -> float:
    """Return the LAFS that ``points`` add to the published reference points of ``tier``, small or medium.

    Example:
        >>> lafs_gain("small", [(70.0, 150.0)])
        0.0
    """
    reference = REFERENCE[tier]
    return lafs([*reference, *points]) - lafs(reference)
