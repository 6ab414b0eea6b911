"""Memories that learn from successes and failures: voted insights, skills, procedures."""

from __future__ import annotations


class TestExpeL:
    FIND = "find the egg in the kitchen"

    def learn(self, memory, *replies, succeeded=False, insight=""):
        """Episodes of one task after a success at it; each with a reply to its comparison."""
        if not memory.session.read({"task": self.FIND}).text:
            memory.write("> open fridge\nYou see an egg. (success)", task=self.FIND, insight="")
        for reply in replies:
            memory.write(
                "> look\nNothing. (failure)",
                task=self.FIND,
                insight=insight,
                succeeded=succeeded,
                reply=reply,
            )

    def insights(self, memory):
        text = memory.read(self.FIND)
        head = text.partition("\n\n")[0] if text.startswith("Insights:") else ""
        return head.split("\n")[1:]

    def test_a_failure_is_compared_with_the_success_at_the_same_task(self, remember):
        memory = remember("expel")
        memory.write("> open fridge\nYou see an egg.", task=self.FIND, insight="")
        memory.write("> paint fence", task="paint the fence", insight="", succeeded=False)
        assert memory.asks() == []
        self.learn(memory, "ADD: Open what is closed.")
        (prompt,) = memory.asks()
        assert prompt.index("> open fridge") < prompt.index("Failure:") < prompt.index("> look")
        assert "paint fence" not in prompt
        assert self.insights(memory) == ["- Open what is closed."]

    def test_votes_change_order_and_wording(self, remember):
        memory = remember("expel")
        self.learn(memory, "ADD: First.\nADD: Second.", "AGREE 2: Second.")
        assert self.insights(memory) == ["- Second.", "- First."]
        self.learn(memory, "EDIT 2: First of all, look.", "EDIT 2: First of all, listen.")
        assert self.insights(memory) == ["- First of all, listen.", "- Second."]
        assert "1. First of all, look.\n2. Second." not in memory.asks()[-1]

    def test_an_insight_is_removed_when_its_importance_is_0(self, remember):
        memory = remember("expel")
        self.learn(memory, "ADD: Wrong.\nADD: Right.", "REMOVE 1: Wrong.")
        assert self.insights(memory) == ["- Right.", "- Wrong."]
        self.learn(memory, "REMOVE 2: Wrong.")
        assert self.insights(memory) == ["- Right."]

    def test_removal_weighs_3_when_the_list_is_too_long(self, remember):
        memory = remember("expel", insights=5)
        many = ["\n".join(f"ADD: Insight {letter}." for letter in part) for part in ("abcd", "efgh", "ij")]
        self.learn(memory, *many)
        assert "The list is full" in memory.asks()[-1]
        self.learn(memory, "AGREE 1: Insight a.", "REMOVE 1: Insight a.")
        assert "- Insight a." not in self.insights(memory)
        assert len(self.insights(memory)) == 9

    def test_an_edit_that_repeats_an_insight_agrees_to_it_and_an_addition_is_ignored(self, remember):
        memory = remember("expel")
        self.learn(memory, "ADD: First.\nADD: Second.", "ADD: second")
        assert self.insights(memory) == ["- First.", "- Second."]
        self.learn(memory, "EDIT 1: Second")
        assert self.insights(memory) == ["- Second.", "- First."]

    def test_without_a_vote_the_own_insight_is_added_once(self, remember):
        memory = remember("expel")
        for reply in ("", "I agree.", "AGREE 7: x", "EDIT: x", "ADD: <a new insight>", "ADD:"):
            with memory.session.branch():
                self.learn(memory, reply, reply, insight="Look inside.")
                assert self.insights(memory) == ["- Look inside."]

    def test_one_vote_on_each_insight_and_four_in_all(self, remember):
        memory = remember("expel")
        self.learn(memory, "ADD: First.\nADD: Second.")
        self.learn(memory, "REMOVE 1: First.\nREMOVE 1: First.\nAGREE 1: First.\nADD: A.\nADD: B.")
        assert self.insights(memory) == ["- Second.", "- A.", "- First."]

    def test_successes_are_read_together_once(self, remember):
        memory = remember("expel", successes_together=3)
        for n in range(5):
            memory.write(f"> record {n}", task=f"task number{n} of thing{n}", insight="", reply=f"ADD: I{n}.")
        (prompt,) = memory.asks()
        assert [n for n in range(5) if f"record {n}" in prompt] == [0, 1, 2]
        assert self.insights(memory) == ["- I2."]

    def test_only_successes_are_shown_and_the_nearest_first(self, remember):
        memory = remember("expel", top_k=2)
        for task, succeeded in (
            ("heat the egg", True),
            ("heat the egg now", False),
            ("cool the egg", True),
            ("paint a fence", True),
        ):
            memory.write(f"> {task}\ndone: {succeeded}", task=task, insight="", succeeded=succeeded, reply="")
        assert memory.read("heat the egg").split("\n\n") == [
            "> heat the egg\ndone: True",
            "> cool the egg\ndone: True",
        ]

    def test_a_long_success_is_shortened_to_its_matching_lines(self, remember):
        memory = remember("expel", top_k=1)
        filler = [f"line number {n} of filler" for n in range(300)]
        memory.write("\n".join(["Task 9", *filler, "The violin is red.", *filler]), task="music", insight="")
        text = memory.read("Which colour has the violin?")
        assert text.startswith("Task 9\n")
        assert "The violin is red." in text
        assert 2500 < len(text) <= 3000
