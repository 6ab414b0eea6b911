"""Memories that rank a turn together with the turns beside it."""

from __future__ import annotations


class TestNeighbours:
    def test_a_turn_is_found_by_the_words_of_the_turn_beside_it(self, remember):
        memory = remember("neighbours", budget_characters=600)
        filler = [f"Cy: nothing new on day {n} of the week" for n in range(60)]
        asked, answer = "Ann: Which telescopes did you look at?", "Bob: The second cheapest."
        memory.write("\n".join(["Day 1", *filler, asked, answer, *filler]))
        assert memory.read("What telescope did Bob choose?").split("\n") == [
            "Day 1",
            filler[-1],
            asked,
            answer,
            filler[0],
        ]
        assert answer not in remembered_alone(remember, [*filler, asked, answer, *filler])

    def test_neighbours_are_of_the_same_episode(self, remember):
        memory = remember("neighbours")
        memory.write("Day 1\nAnn: tea")
        memory.write("Day 2\nBob: coffee")
        assert memory.read("tea") == "Day 1\nAnn: tea"

    def test_a_question_of_common_words_alone_is_still_asked(self, remember):
        memory = remember("neighbours")
        memory.write("Day 1\nAnn: who is it")
        assert memory.read("Who?") == "Day 1\nAnn: who is it"


def test_hybrid_neighbours_find_by_the_vector_what_shares_no_word(remember):
    turn = "Bob: I bought a telescope."
    found = {}
    for seed in ("neighbours", "hybrid_neighbours"):
        memory = remember(seed, budget_characters=600)
        filler = [f"Cy: nothing new on day {n} of the week" for n in range(60)]
        memory.write("\n".join(["Day 1", *filler, turn, *filler]))
        found[seed] = turn in memory.read("Which telescpoe?")
    assert found == {"neighbours": False, "hybrid_neighbours": True}


def remembered_alone(remember, turns: list[str]) -> str:
    """What is found where every turn is ranked for itself."""
    memory = remember("neighbours", budget_characters=600, context_reach=0)
    memory.write("\n".join(["Day 1", *turns]))
    return memory.read("What telescope was chosen?")
