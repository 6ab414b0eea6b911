"""Near-duplicates: recognised by structure and behaviour, and kept from being parents."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from evolve.population import SELECTORS, CandidatePool, LeastTried, NearDuplicates, NovelSelector, objective
from evolve.program import MemoryProgram, with_knobs
from evolve.program.structure import signature
from evolve.records import Candidate
from evolve.seeds import seed_program

AXES = [objective("quality"), objective("cost")]


def scored(number: int, scores: str, cost: float = 100.0, parent: int | None = None, **more) -> Candidate:
    """A candidate with a score of 0 or 1 on each item."""
    items = {f"t{place}": float(digit) for place, digit in enumerate(scores)}
    return Candidate(
        number=number,
        program=f"p{number}",
        parents=() if parent is None else (parent,),
        item_scores=items,
        objectives={"quality": sum(items.values()) / len(items), "cost": cost},
        **more,
    )


def by_name(**structures: str) -> NearDuplicates:
    return NearDuplicates(lambda candidate: structures.get(candidate.program, "same"))


def test_the_same_structure_and_the_same_behaviour_on_all_items_are_needed() -> None:
    candidates = [
        scored(0, "1100"),
        scored(1, "1100"),
        scored(2, "1010"),
        scored(3, "1100"),
        scored(4, "1010", failed=True),
        scored(5, "1100", raced=True),
    ]
    assert by_name(p3="other").among(candidates) == {1: 0}


def test_the_one_of_the_highest_merit_stands_for_the_others() -> None:
    assert by_name().among([scored(0, "10"), scored(1, "10", cost=50.0), scored(2, "10")]) == {0: 1, 2: 1}


def test_structure_is_asked_only_of_those_that_score_the_same_and_once() -> None:
    asked = Counter[int]()

    def structure(candidate: Candidate) -> str:
        asked[candidate.number] += 1
        return "same"

    twins = NearDuplicates(structure)
    for _ in range(3):
        twins.among([scored(0, "10"), scored(1, "01"), scored(2, "10")])
    assert asked == {0: 1, 2: 1}


def test_a_program_with_other_knobs_has_the_same_structure_and_one_with_other_steps_has_not() -> None:
    source = seed_program("lexical").source
    knobs = with_knobs(source, {"chunk_characters": 300})
    assert knobs != source
    assert signature(MemoryProgram(knobs)) == signature(MemoryProgram(source))
    assert signature(seed_program("hybrid")) != signature(MemoryProgram(source))


@pytest.mark.parametrize("name", SELECTORS)
def test_no_near_duplicate_is_drawn(name: str) -> None:
    candidates = [scored(0, "1100"), *(scored(n, "1110", parent=0) for n in range(1, 6)), scored(6, "0001")]
    archive = CandidatePool(AXES, candidates).archive
    selector = NovelSelector(SELECTORS[name](), by_name())
    drawn = {selector.select(candidates, archive, random.Random(seed)).number for seed in range(200)}
    assert drawn <= {0, 1, 6}


def test_on_a_plateau_those_that_had_many_offspring_are_drawn_less() -> None:
    """0 and 1 hold the same votes; 0 has had nine offspring, all of them its near-duplicates."""
    twins = [scored(n, "1100", cost=200.0, parent=0 if n == 2 else 2) for n in range(2, 11)]
    candidates = [scored(0, "1100"), scored(1, "0011"), *twins]
    archive = CandidatePool(AXES, candidates).archive
    drawn = Counter(
        LeastTried(by_name()).select(candidates, archive, random.Random(seed)).number for seed in range(1_100)
    )
    assert set(drawn) == {0, 1}
    assert 50 <= drawn[0] <= 160  # 1 of 11 is 100
