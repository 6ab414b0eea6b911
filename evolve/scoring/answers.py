"""Scores of an answer by exact match and token overlap, by rules of LoCoMo and HotpotQA, or by a rubric."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from evolve.records import Task
from evolve.text import plain

_ARTICLE = re.compile(r"\b(a|an|the)\b")
_LOCOMO_DROPPED = re.compile(r"\b(a|an|the|and)\b")
_HOTPOT_WHOLE = frozenset({"yes", "no", "noanswer"})
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(text: str) -> str:
    """Normalise ``text`` as SQuAD does: lower case, without punctuation and articles, single spaces.

    The rule of the official SQuAD v1.1 script (Rajpurkar et al., 2016).
    """
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def _normalised(text: str) -> str:
    """Normalise like ``normalise``, without Unicode punctuation and width, and with unspaced scripts
    split.
    """
    return normalise(plain(text))


def f1(task: Task, answer: str) -> float:
    """Token F1 after ``normalise``, the best over the accepted answers."""
    found = _normalised(answer).split()
    return max(_overlap_f1(found, _gold_tokens(gold)) for gold in task.answers)


def exact_match(task: Task, answer: str) -> float:
    """1 if the answer equals an accepted answer after ``normalise``, else 0."""
    found = _normalised(answer)
    return float(any(found == _normalised(gold) for gold in task.answers))


def hotpot_f1(task: Task, answer: str) -> float:
    """The official answer F1 of HotpotQA: as ``f1``, but "yes", "no" and "noanswer" must be met exactly.

    After ``hotpot_evaluate_v1.py`` (Yang et al., 2018). The best over the accepted answers.
    """
    found = normalise(answer)
    best = 0.0
    for accepted in task.answers:
        gold = normalise(accepted)
        if found == gold or not {found, gold} & _HOTPOT_WHOLE:
            best = max(best, _bag_f1(found.split(), gold.split()))
    return best


def locomo_f1(task: Task, answer: str) -> float:
    """The official LoCoMo metric: F1 over Porter stems, by category.

    Multi-hop (category 1): gold answer and answer are split at commas, each gold part takes its best part of
    the answer, and the mean is the score. Open-domain (category 3): only the text before the first ``;`` of
    the gold answer counts. Adversarial (category 5): see ``locomo_adversarial``. The rest: plain F1. Commas
    and "and" are dropped with the articles. After
    ``task_eval/evaluation.py`` of snap-research/locomo (Maharana et al., 2024), which stems with NLTK's
    variant of Porter; here it is Porter's own, so that a rare word may stem differently.
    """
    gold = task.answers[0]
    if task.category == "adversarial":
        return locomo_adversarial(task, answer)
    if task.category == "multi-hop":
        parts = [_stems(part) for part in answer.split(",")]
        wanted = [_stems(part) for part in gold.split(",")]
        return sum(max(_bag_f1(part, want) for part in parts) for want in wanted) / len(wanted)
    if task.category == "open-domain":
        gold = gold.partition(";")[0]
    return _bag_f1(_stems(answer), _stems(gold))


def locomo_adversarial(task: Task, answer: str) -> float:
    """1 if the answer says that the conversation does not mention it, else 0: LoCoMo's category 5.

    An answer of one character, or of three such as ``(a)``, chooses (a) if it has that letter and else (b);
    ``task.scorer`` is the letter of the choice "Not mentioned in the conversation". Any other answer must
    contain "not mentioned" or "no information available".

    Example:
        >>> unsaid = Task(id="q", question="?", answers=("Not mentioned in the conversation",), scorer="b")
        >>> [locomo_adversarial(unsaid, said) for said in ("(b)", "a", "Paris", "It is not mentioned.")]
        [1.0, 0.0, 0.0, 1.0]
    """
    said = answer.strip().lower()
    if task.scorer and len(said) in (1, 3):
        chosen = "a" if ("a" if len(said) == 1 else "(a)") in said else "b"
        return float(chosen == task.scorer)
    return float("not mentioned" in said or "no information available" in said)


@lru_cache(maxsize=16_384)
def _gold_tokens(gold: str) -> tuple[str, ...]:
    return tuple(_normalised(gold).split())


def _overlap_f1(found: Sequence[str], gold: Sequence[str]) -> float:
    if not found or not gold:
        return float(not found and not gold)
    return _bag_f1(found, gold)


def _bag_f1(found: Sequence[str], gold: Sequence[str]) -> float:
    """F1 of two bags of tokens; 0 where they share none, also where both are empty."""
    same = sum((Counter(found) & Counter(gold)).values())
    return 2 * same / (len(found) + len(gold)) if same else 0.0


def _stems(text: str) -> list[str]:
    bare = text.replace(",", "").lower().translate(_NO_PUNCTUATION)
    return [_stem(word) for word in _LOCOMO_DROPPED.sub(" ", bare).split()]


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    """The Porter stem. The stemmer object keeps state while it works, so that each call makes its own."""
    from snowballstemmer.porter_stemmer import PorterStemmer  # 25 languages: loaded only when it is asked for

    return PorterStemmer().stemWord(word)


def rubric_score(points_met: Sequence[tuple[float, bool]]) -> float:
    """Return ``rubric_points`` clipped to [0, 1] for each answer, as in the paper M★.

    Example:
        >>> rubric_score([(3, True), (-10, True)])
        0.0
    """
    return min(1.0, max(0.0, rubric_points(points_met)))


def rubric_points(points_met: Sequence[tuple[float, bool]]) -> float:
    """Return Σ points met / Σ positive points, which can be negative: HealthBench clips only the mean.

    Args:
        points_met: for each criterion its points, negative for a fault of an answer, and whether the answer
            meets it.

    Raises:
        ValueError: no criterion has positive points, so that there is nothing to earn.
    """
    possible = sum(points for points, _ in points_met if points > 0)
    if possible <= 0:
        raise ValueError(
            f"a rubric needs at least one criterion with positive points; got {list(points_met)}"
        )
    return sum(points for points, met in points_met if met) / possible
