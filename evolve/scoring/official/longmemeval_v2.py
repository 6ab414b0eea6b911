"""LongMemEval-V2: each question names its evaluation function (``evaluation/qa_eval_metrics.py``)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from evolve.records import Task
from evolve.scoring.official.boxed import last_boxed

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
