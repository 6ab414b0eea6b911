"""Metrics of an answer and of the text retrieved for it. Pure functions of text: no model, no disk.

Every metric is in [0, 1], higher is better, and takes ``(task, answer, retrieved)``, so that a benchmark may
name any of them. ``f1``, ``exact_match``, ``locomo_f1`` and ``hotpot_f1`` score the answer; ``coverage``,
``evidence_recall``, ``episode_recall`` and ``rubric_coverage`` the retrieved text, which needs no model.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType

from evolve.records import Task
from evolve.text import plain, words

SHINGLE = 5
"""Words in a shingle of ``contains_passage``."""
SHINGLE_SHARE = 0.8
"""Share of a passage's shingles that must be present for it to count as found."""

STOP_WORDS = frozenset(
    """a about after again all also am an and any are as at be because been before being but by can could d
    did do does doing done during each for from further had has have having he her here hers him himself his
    how i if in into is it its itself just ll m me more most my myself of off on once only or other our ours
    out over own re s same she should so some such t than that the their theirs them themselves then there
    these they this those through to too under until up us ve very was we were what when where which while
    who whom whose why will with would you your yours yourself""".split()  # noqa: SIM905
)
"""Words that say nothing about a topic. "no", "not" and numbers are kept: they can be the answer."""

_ARTICLE = re.compile(r"\b(a|an|the)\b")
_LOCOMO_DROPPED = re.compile(r"\b(a|an|the|and)\b")
_HOTPOT_WHOLE = frozenset({"yes", "no", "noanswer"})
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True)
class Metric:
    """A way to score one task.

    Attributes:
        name: its key in ``METRICS``.
        description: one sentence for tables and reports.
        score: ``(task, answer, retrieved) -> float`` in [0, 1].
        applies: whether the metric can score a task.
    """

    name: str
    description: str
    score: Callable[[Task, str, str], float]
    applies: Callable[[Task], bool] = lambda task: bool(task.answers)


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


def content_words(text: str) -> list[str]:
    """The words of ``text`` in their order, case-folded, ``STOP_WORDS`` dropped, repeats kept."""
    return [word for word in _words(text) if word not in STOP_WORDS]


def contains_passage(retrieved: str, passage: str) -> bool:
    """Return whether ``retrieved`` contains ``passage``, however it was cut and laid out.

    Contains means: the passage's words occur in one run (case, punctuation and white space do not matter), or
    at least ``SHINGLE_SHARE`` of its runs of ``SHINGLE`` words do. The second tolerates a cut or an insertion
    but no bag of words. A passage shorter than a shingle must occur whole.
    """
    whole, part = _view(retrieved), _passage(passage)
    if not part.words:
        return " ".join(passage.split()) in " ".join(retrieved.split())
    if part.run in whole.run:
        return True
    if not part.shingles:
        return False
    return len(part.shingles & whole.shingles) >= SHINGLE_SHARE * len(part.shingles)


def rubric_score(points_met: Sequence[tuple[float, bool]]) -> float:
    """clip(Σ points met / Σ positive points, 0, 1), the rubric score of HealthBench and of the paper M★.

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
    return min(1.0, max(0.0, sum(points for points, met in points_met if met) / possible))


def f1(task: Task, answer: str) -> float:
    """Token F1 after ``normalise``, the best over the accepted answers."""
    found = _normalised(answer).split()
    return max(_overlap_f1(found, _gold_tokens(gold)) for gold in task.answers)


def exact_match(task: Task, answer: str) -> float:
    """1 if the answer equals an accepted answer after ``normalise``, else 0."""
    found = _normalised(answer)
    return float(any(found == _normalised(gold) for gold in task.answers))


def coverage(task: Task, retrieved: str) -> float:
    """Share of the distinct content words of the gold answer that are in ``retrieved``.

    A gold answer made of stop words only is compared by all its words.
    """
    gold = task.answers[0]
    wanted = set(content_words(gold) or _words(gold))
    return len(wanted & _view(retrieved).vocabulary) / len(wanted) if wanted else 1.0


def evidence_recall(task: Task, retrieved: str) -> float:
    """Share of the task's gold passages that ``contains_passage`` finds in ``retrieved``.

    A task without gold evidence falls back to ``coverage``, so that every task has a score.
    """
    if not task.evidence:
        return coverage(task, retrieved)
    found = sum(contains_passage(retrieved, passage.text) for passage in task.evidence)
    return found / len(task.evidence)


def episode_recall(task: Task, retrieved: str) -> float:
    """Share of the task's gold episodes with at least one gold passage in ``retrieved``.

    The length limit of ``read`` takes the role of k. LongMemEval reports ``episode_recall_any`` and
    ``episode_recall_all`` instead of this share. A task without gold evidence falls back to ``coverage``.
    """
    if not task.evidence:
        return coverage(task, retrieved)
    found, wanted = _episodes(task, retrieved)
    return len(found) / len(wanted)


def episode_recall_any(task: Task, retrieved: str) -> float:
    """1 if a gold passage of at least one gold episode is in ``retrieved``, else 0.

    ``recall_any`` of LongMemEval (Wu et al., 2025, ``src/retrieval/eval_utils.py``), over sessions. A task
    without gold evidence falls back to ``coverage``.
    """
    if not task.evidence:
        return coverage(task, retrieved)
    return float(bool(_episodes(task, retrieved)[0]))


def episode_recall_all(task: Task, retrieved: str) -> float:
    """1 if a gold passage of every gold episode is in ``retrieved``, else 0.

    ``recall_all`` of LongMemEval; see ``episode_recall_any``.
    """
    if not task.evidence:
        return coverage(task, retrieved)
    found, wanted = _episodes(task, retrieved)
    return float(found == wanted)


def _episodes(task: Task, retrieved: str) -> tuple[set[str], set[str]]:
    """Return the gold episodes with a retrieved passage, and all of them."""
    found = {p.episode for p in task.evidence if contains_passage(retrieved, p.text)}
    return found, {passage.episode for passage in task.evidence}


def rubric_coverage(task: Task, retrieved: str) -> float:
    """Return the coverage of a good answer's words by ``retrieved``: a proxy, not a rubric score.

    For each criterion with positive points, the share of its distinct content words in ``retrieved``, without
    those of the question, since a memory need not supply them; the mean is weighted by the points.
    Criteria with negative points do not count: words cannot tell whether a fault was avoided.
    """
    asked, there = set(content_words(task.question)), _view(retrieved).vocabulary
    earned = possible = 0.0
    for criterion in task.rubric:
        wanted = set(content_words(criterion.text)) - asked
        if criterion.points > 0 and wanted:
            earned += criterion.points * len(wanted & there) / len(wanted)
            possible += criterion.points
    return earned / possible if possible else 0.0


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
    the gold answer counts. The rest: plain F1. Commas and "and" are dropped with the articles. After
    ``task_eval/evaluation.py`` of snap-research/locomo (Maharana et al., 2024), which stems with NLTK's
    variant of Porter; here it is Porter's own, so that a rare word may stem differently.
    """
    gold = task.answers[0]
    if task.category == "multi-hop":
        parts = [_stems(part) for part in answer.split(",")]
        wanted = [_stems(part) for part in gold.split(",")]
        return sum(max(_bag_f1(part, want) for part in parts) for want in wanted) / len(wanted)
    if task.category == "open-domain":
        gold = gold.partition(";")[0]
    return _bag_f1(_stems(answer), _stems(gold))


def _of_answer(score: Callable[[Task, str], float]) -> Callable[[Task, str, str], float]:
    return lambda task, answer, _: score(task, answer)


def _of_retrieved(score: Callable[[Task, str], float]) -> Callable[[Task, str, str], float]:
    return lambda task, _, retrieved: score(task, retrieved)


GRADED = ("judge", "rubric", "reward")
"""Qualities that are not a metric of text."""
METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("f1", "token F1 of the answer, SQuAD normalisation, best accepted answer", _of_answer(f1)),
            Metric(
                "exact_match",
                "the answer equals an accepted one, SQuAD normalisation",
                _of_answer(exact_match),
            ),
            Metric("coverage", "share of the gold answer's content words retrieved", _of_retrieved(coverage)),
            Metric(
                "evidence_recall",
                "share of the gold passages retrieved",
                _of_retrieved(evidence_recall),
                lambda task: bool(task.evidence or task.answers),
            ),
            Metric(
                "episode_recall",
                "share of the gold episodes of which a gold passage is retrieved",
                _of_retrieved(episode_recall),
                lambda task: bool(task.evidence or task.answers),
            ),
            Metric(
                "episode_recall_any",
                "a gold passage of any gold episode is retrieved (LongMemEval's recall_any)",
                _of_retrieved(episode_recall_any),
                lambda task: bool(task.evidence or task.answers),
            ),
            Metric(
                "episode_recall_all",
                "a gold passage of every gold episode is retrieved (LongMemEval's recall_all)",
                _of_retrieved(episode_recall_all),
                lambda task: bool(task.evidence or task.answers),
            ),
            Metric(
                "rubric_coverage",
                "share of the words of the rubric's positive criteria retrieved, weighted by points",
                _of_retrieved(rubric_coverage),
                lambda task: bool(task.rubric),
            ),
            Metric("hotpot_f1", "official HotpotQA answer F1", _of_answer(hotpot_f1)),
            Metric("locomo_f1", "official LoCoMo score: stemmed token F1 by category", _of_answer(locomo_f1)),
        )
    }
)
"""The metrics that a benchmark may name."""


@dataclass(frozen=True)
class _View:
    """A text as ``contains_passage`` compares it; the parts are computed when they are first asked for."""

    words: tuple[str, ...]

    @cached_property
    def run(self) -> str:
        return f" {' '.join(self.words)} "

    @cached_property
    def shingles(self) -> frozenset[tuple[str, ...]]:
        return frozenset(zip(*(self.words[start:] for start in range(SHINGLE)), strict=False))

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        return frozenset(self.words)


def _words(text: str) -> tuple[str, ...]:
    return words(text)


@lru_cache(maxsize=64)
def _view(retrieved: str) -> _View:
    """Return the view of a text, cached since each passage and metric in a row uses the same retrieved
    text.
    """
    return _View(_words(retrieved))


@lru_cache(maxsize=16_384)
def _passage(passage: str) -> _View:
    """Return the view of a gold passage, cached separately since passages recur for every candidate."""
    return _View(_words(passage))


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
