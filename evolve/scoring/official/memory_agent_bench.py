"""MemoryAgentBench: one rule for each source of questions (``utils/eval_other_utils.py``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from evolve.records import Task
from evolve.scoring.answers import normalise

_PREFIX = "Answer:"
_AFTER_PREFIX = re.compile(rf"{_PREFIX}(.*)(?:\n|$)", re.IGNORECASE)
_REPEATED = re.compile(rf"^{_PREFIX}", re.IGNORECASE)


def memory_agent_bench_rule(source: str) -> str:
    """Return the rule of a source such as ``icl_nlu_8296shot_balance``; empty where it needs a judge.

    Example:
        >>> memory_agent_bench_rule("factconsolidation_sh_6k")
        'substring_exact_match'
    """
    return next((rule for prefix, rule in _RULES.items() if source.startswith(prefix)), "")


def memory_agent_bench_score(task: Task, answer: str) -> float:
    """1 if the answer passes the rule of ``task.scorer``, the name of the source, else 0.

    - ``substring_exact_match`` (ruler_qa, factconsolidation): an accepted answer is within the answer, both
      normalised as SQuAD does.
    - ``exact_match`` (detective_qa): an accepted answer is the answer. Of both, the better of the whole reply
      and of what follows "Answer:" in it, else its first line, counts.
    - ``parsed_exact_match`` (icl): the same, without the whole reply.
    - ``recall`` (eventqa): every accepted answer is within the reply, whatever its case.

    Raises:
        ValueError: the source has no such rule.
    """
    rule = memory_agent_bench_rule(task.scorer)
    if not rule:
        raise ValueError(f"the source {task.scorer!r} has no deterministic rule")
    return float(_SCORES[rule](answer, task.answers))


def _parsed(reply: str) -> str:
    """The text after "Answer:" on its line; the first line without one."""
    match = _AFTER_PREFIX.search(reply)
    said = match[1] if match else reply.partition("\n")[0]
    return _REPEATED.sub("", said.strip()).strip()


def _contains(reply: str, accepted: tuple[str, ...]) -> bool:
    said = (normalise(reply), normalise(_parsed(reply)))
    return any(normalise(gold) in text for gold in accepted for text in said)


def _equals(reply: str, accepted: tuple[str, ...]) -> bool:
    return normalise(reply) in map(normalise, accepted) or _parsed_equals(reply, accepted)


def _parsed_equals(reply: str, accepted: tuple[str, ...]) -> bool:
    return normalise(_parsed(reply)) in map(normalise, accepted)


def _recalls(reply: str, accepted: tuple[str, ...]) -> bool:
    return all(gold.lower() in reply.lower() for gold in accepted)


_RULES: Mapping[str, str] = {
    "ruler_qa": "substring_exact_match",
    "factconsolidation": "substring_exact_match",
    "detective_qa": "exact_match",
    "icl": "parsed_exact_match",
    "eventqa": "recall",
}
_SCORES: Mapping[str, Callable[[str, tuple[str, ...]], bool]] = {
    "substring_exact_match": _contains,
    "exact_match": _equals,
    "parsed_exact_match": _parsed_equals,
    "recall": _recalls,
}
