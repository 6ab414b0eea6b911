"""Official scorers of answers on cases worked out by hand from the rules of the official code."""

from __future__ import annotations

import pytest

from evolve.records import Task
from evolve.scoring import METRICS, asks_judge, is_unknown, lafs, lafs_gain, parse_eval_function
from evolve.scoring.answers import locomo_adversarial, locomo_f1
from evolve.scoring.official.longmemeval_v2 import longmemeval_v2_match
from evolve.scoring.official.memory_agent_bench import memory_agent_bench_rule, memory_agent_bench_score
from evolve.scoring.official.minteval import minteval_match
from evolve.scoring.official.personamem import personamem_choice


def asked(*answers: str, scorer: str = "", category: str = "") -> Task:
    return Task(id="t", question="?", answers=answers, scorer=scorer, category=category)


@pytest.mark.parametrize(
    ("gold", "answer", "score"),
    [
        ("attic", "attic", 1),
        ("attic", "The attic.", 1),  # article, case and punctuation
        ("attic", "in the attic", 0),
        ("attic", r"Mary moved twice. \boxed{attic}", 1),
        ("attic", r"\boxed{hall} no: \boxed{attic}", 1),  # the last box
        ("attic", r"\boxed{attic} or \boxed{hall}", 0),
        ("attic", r"\boxed{attic", 1),  # never closed: up to the end
        ("", r"\boxed{}", 1),  # an empty box is the answer, not the text around it
        ("attic", r"\boxed{} attic", 0),
        ("x, b", "b, x", 0),  # an order
        ("a, b", "b", 1),  # a candidate "a" is taken for an article
        ("attic, hall", "attic,hall", 1),  # a comma is a space
        ("attic hall", "attic and the hall", 1),  # "and" is dropped
        ("f(x)={1}", r"\boxed{f(x)={1}}", 1),  # braces within
        ("attic", "<think>hall?</think>attic", 1),
        ("attic", r"attic<think>but \boxed{hall}", 1),  # unfinished thoughts do not count
        ("2", "22", 0),
        ("it's", "its", 1),  # punctuation goes without a space
        ("1,000", "1000", 0),  # as the comma is a space, unlike in LoCoMo
        ("Zoë", "zoë", 1),
        ("Zoë", "zoe", 0),
    ],
)
def test_minteval(gold: str, answer: str, score: int) -> None:
    assert minteval_match(asked(gold), answer) == score


def test_minteval_takes_any_accepted_answer() -> None:
    assert minteval_match(asked("attic", "loft"), "loft") == 1


@pytest.mark.parametrize(
    ("function", "gold", "answer", "score"),
    [
        ("norm_phrase_set_match", "Reports, My Incidents", "my incidents; then Reports", 1),
        ("norm_phrase_set_match", "Reports, My Incidents", "Reports", 0),
        ("norm_phrase_set_match", "cat", "concatenate", 0),  # whole words
        ("norm_phrase_set_match", "cat", "the cat sat", 1),
        ("norm_phrase_set_match", "e-mail", r"\boxed{E mail}", 1),  # a hyphen is a space
        ("norm_phrase_set_match", "my_page", "my page", 1),
        ("norm_phrase_set_match", "cat", r"cat \boxed{dog}", 0),  # the box alone counts
        ("norm_phrase_set_match", "cat", r"cat \boxed{}", 1),  # an empty one does not
        ("norm_phrase_set_match", "cat", "", 0),
        ("norm_phrase_set_match", ", ;", "cat", 0),  # no phrase to find
        ("norm_phrase_set_match|require_non_empty=false", ", ;", "cat", 1),
        ("norm_phrase_set_match|lower=false", "CAT", "cat", 0),
        ("norm_phrase_set_match|strip_punct=false", "a.b", "a.b", 1),
        ("norm_phrase_set_match", "a.b", "ab", 1),
        ("norm_phrase_set_match", "red cat", "cat red", 0),  # a phrase is one run of words
        ("norm_phrase_set_match|separators=;", "a, b; c", "c a b", 1),  # the comma separates nothing
        ("norm_phrase_set_match|separators=;", "a, b; c", "b a c", 0),
        ('norm_phrase_set_match|separators=["/"]', "a/b", "b a", 1),
        ("norm_phrase_set_match", "unknown", "UNKNOWN", 0),
        ("norm_phrase_set_match_ordered", "open; save", "first open then save", 1),
        ("norm_phrase_set_match_ordered", "open; save", "save, then open", 0),
        ("norm_phrase_set_match_ordered", "open; save; open", "open save", 0),
        ("norm_phrase_set_match_ordered", "open; save; open", "open save open", 1),
        ("mc_choice_match", "B", "b", 1),
        ("mc_choice_match", "B", "Option B.", 1),
        ("mc_choice_match", "B", r"\boxed{B}", 1),
        ("mc_choice_match", "B", "B, of course", 0),
        ("mc_choice_match", "B", "(B)", 0),  # only the dot is stripped
        ("mc_choice_match|strip_chars=()", "B", "(B)", 1),
        ("mc_choice_match", "B", "", 0),
        ("mc_choice_set_match", "A, C", "C and A", 1),
        ("mc_choice_set_match", "A, C", "ca", 1),
        ("mc_choice_set_match", "A, C", "A", 0),
        ("mc_choice_set_match", "A, C", "Final answers: A, C, D", 0),
        ("mc_choice_set_match", "A, C", "Options A, C", 1),  # fillers are no letters
        ("mc_choice_set_match", "A, C", "", 0),
    ],
)
def test_longmemeval_v2(function: str, gold: str, answer: str, score: int) -> None:
    assert longmemeval_v2_match(asked(gold, scorer=function), answer) == score


@pytest.mark.parametrize(
    ("answer", "unknown"),
    [("UNKNOWN", True), (r"I cannot say. \boxed{unknown}", True), ("unknown to me", False), ("", False)],
)
def test_longmemeval_v2_knows_when_nothing_is_known(answer: str, unknown: bool) -> None:
    assert is_unknown(answer) == unknown


def test_longmemeval_v2_asks_a_judge_where_the_question_says_so() -> None:
    gotcha, phrase = (
        asked("x", scorer=f"{name}|a=b") for name in ("llm_gotchas_checker", "norm_phrase_set_match")
    )
    assert asks_judge("longmemeval_v2", gotcha)
    assert not asks_judge("longmemeval_v2", phrase)
    assert not METRICS["longmemeval_v2_match"].applies(gotcha)
    assert METRICS["longmemeval_v2_match"].applies(phrase)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("fuzzy_match", "'fuzzy_match' is unknown; expected one of llm_abstention_checker"),
        ("mc_choice_match|strip", "malformed"),
        ("mc_choice_match|a=1|a=2", "given twice"),
        ("norm_phrase_set_match|lower=maybe", "expected true or false"),
    ],
)
def test_longmemeval_v2_refuses_a_function_that_it_does_not_know(spec: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_eval_function(spec)


def test_lafs_by_hand() -> None:
    # ln 200 = 5.298; from 1 to 10 s nothing, from 10 to 200 s 60 %: 60 · ln 20 / ln 200
    assert lafs([(60.0, 10.0)]) == pytest.approx(60 * 2.995732 / 5.298317, rel=1e-6)
    # a slower point counts only where it is better, and a faster one from the beginning
    assert lafs([(60.0, 10.0), (50.0, 20.0)]) == pytest.approx(lafs([(60.0, 10.0)]))
    assert lafs([(60.0, 0.1)]) == pytest.approx(60.0)
    assert lafs([(60.0, 300.0)]) == lafs([]) == 0.0
    # 30 up to 10 s, then 60
    expected = (30 * 2.302585 + 60 * 2.995732) / 5.298317
    assert lafs([(60.0, 10.0), (30.0, 1.0)]) == pytest.approx(expected, rel=1e-6)


def test_lafs_gain_over_the_published_points() -> None:
    assert lafs_gain("small", [(51.0, 1.0)]) == 0.0  # the published 51.0 takes 0.2 s
    # 61 instead of 51 from 1 to 26.9 s, and instead of 58.6 up to 108.3 s
    expected = (10 * 3.292126 + 2.4 * 1.392776) / 5.298317
    assert lafs_gain("small", [(61.0, 0.5)]) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="expected more than 0 seconds"):
        lafs_gain("medium", [(50.0, 0.0)])


@pytest.mark.parametrize(
    ("unsaid", "answer", "score"),
    [
        ("a", "a", 1),
        ("a", "(a)", 1),
        ("a", "(b)", 0),
        ("b", "B", 1),
        ("b", "(c)", 1),  # whatever is not (a) is (b), as in the official code
        ("b", "yes", 1),  # three characters without (a)
        ("a", "Not mentioned in the conversation", 1),
        ("b", "There is no information available on that.", 1),
        ("a", "(a) Paris", 0),  # longer than a choice: the words count
        ("a", "", 0),
        ("", "b", 0),  # without choices
        ("", "It is NOT MENTIONED.", 1),
    ],
)
def test_locomo_adversarial(unsaid: str, answer: str, score: int) -> None:
    task = asked("Not mentioned in the conversation", scorer=unsaid, category="adversarial")
    assert locomo_adversarial(task, answer) == score
    assert locomo_f1(task, answer) == score


@pytest.mark.parametrize(
    ("source", "gold", "answer", "score"),
    [
        ("factconsolidation_sh_6k", ("Paris",), "It is Paris.", 1),
        ("factconsolidation_mh_6k", ("Paris", "Rome"), "rome", 1),
        ("factconsolidation_sh_6k", ("Paris",), "Par is", 0),
        ("factconsolidation_sh_6k", ("Washington, D.C.",), "washington DC", 1),
        ("factconsolidation_sh_6k", ("art",), "a party", 1),  # part of a word is enough
        ("ruler_qa1_197K", ("France", "France"), "The answer is france", 1),
        ("detective_qa", ("B. The butler",), "Hm.\nAnswer: B. The butler\nSurely.", 1),
        ("detective_qa", ("B. The butler",), "the B butler", 1),
        ("detective_qa", ("B. The butler",), "It is B. The butler", 0),
        ("icl_trec_coarse_6600shot_balance", ("4",), "label: 4", 0),
        ("icl_trec_coarse_6600shot_balance", ("4",), "Answer: 4", 1),
        ("icl_trec_coarse_6600shot_balance", ("4",), "answer: Answer: 4", 1),  # the prefix twice
        ("icl_trec_coarse_6600shot_balance", ("4",), "4\nbecause", 1),  # the first line
        ("icl_trec_coarse_6600shot_balance", ("4",), "well\n4", 0),
        ("eventqa_full", ("He left.", "She stayed."), "she stayed. HE LEFT.", 1),
        ("eventqa_full", ("He left.", "She stayed."), "He left.", 0),
        ("eventqa_full", ("He left.",), "he left", 0),  # punctuation counts
    ],
)
def test_memory_agent_bench(source: str, gold: tuple[str, ...], answer: str, score: int) -> None:
    assert memory_agent_bench_score(asked(*gold, scorer=source), answer) == score


def test_memory_agent_bench_has_no_rule_for_what_a_model_judges() -> None:
    for source in ("longmemeval_s*", "infbench_sum_eng_shots2", "recsys_redial_full", ""):
        assert memory_agent_bench_rule(source) == ""
    with pytest.raises(ValueError, match="no deterministic rule"):
        memory_agent_bench_score(asked("x", scorer="recsys_redial_full"), "x")


@pytest.mark.parametrize(
    ("gold", "answer", "score"),
    [
        ("(c)", "(c)", 1),
        ("(c)", "C", 1),
        ("(C)", "c.", 1),
        ("(c)", "(c) or (d)", 0),
        ("(c)", "<final_answer>(c)", 1),
        ("(c)", "Not (a), not (b). <final_answer>(c)</final_answer>", 1),
        ("(c)", "<final_answer>(a) <final_answer>(c)", 1),  # the last one
        ("(c)", "<final_answer>(d), although (c)", 0),
        ("(c)", "<final_answer>", 0),
        ("(c)", "<final_answer>none, (c) is near", 1),  # parentheses before single letters
        ("(c)", "a reason: c", 0),  # "a" is read as an option
        ("(c)", "(c), a good one", 1),  # but not beside one in parentheses
        ("(c)", "", 0),
    ],
)
def test_personamem(gold: str, answer: str, score: int) -> None:
    assert personamem_choice(asked("Tea.", scorer=gold), answer) == score
