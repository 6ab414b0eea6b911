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


class TestVoyagerSkills:
    BREW = "Skill: brewTea\nDescription: Brews a cup of tea with a kettle.\n1. use boilWater\n2. add leaves\n"
    BOIL = "**Skill: boil water**\n**Description:** Boils any liquid.\n1. fill the kettle\n2. heat it\n"

    def test_a_skill_is_found_by_its_description_and_brings_the_skills_it_calls(self, remember):
        memory = remember("voyager_skills", top_k=1)
        memory.write("> fill", task="make the kettle hot", steps=[], reply=self.BOIL)
        memory.write(
            "> paint", task="paint", steps=[], reply="Skill: paint\nDescription: Paints.\n1. use brush"
        )
        memory.write("> leaves", task="a drink", steps=[], reply=self.BREW)
        text = memory.read("brew a cup of tea")
        assert text == (
            "Skill brewTea: Brews a cup of tea with a kettle.\n1. use boilWater\n2. add leaves\n\n"
            "Skill boilWater: Boils any liquid.\n1. fill the kettle\n2. heat it"
        )
        assert "boilWater: Boils any liquid." in memory.asks()[-1]

    def test_a_skill_of_the_same_name_replaces_the_one_before(self, remember):
        memory = remember("voyager_skills")
        memory.write("x", task="tea", steps=[], reply=self.BREW)
        memory.write("x", task="tea", steps=[], reply="Skill: brewTea\nDescription: Tea, fast.\n1. use a bag")
        assert memory.read("tea") == "Skill brewTea: Tea, fast.\n1. use a bag"
        assert "version 2" in memory.logs[-1]

    def test_a_failure_refines_the_skill_under_its_name(self, remember):
        memory = remember("voyager_skills")
        memory.write("x", task="tea", steps=[], reply=self.BOIL.replace("any liquid", "tea water"))
        memory.write(
            "> heat\nIt is empty.",
            task="boils tea water",
            steps=["x"],
            completed=False,
            feedback="The kettle was empty.",
            reply="Skill: other\nDescription: Boils tea water safely.\n1. look into the kettle\n2. heat it",
        )
        prompt = memory.asks()[-1]
        assert "Feedback: The kettle was empty." in prompt
        assert "1. fill the kettle" in prompt
        assert memory.read("tea") == (
            "Skill boilWater: Boils tea water safely.\n1. look into the kettle\n2. heat it"
        )

    def test_without_a_skill_in_the_reply_the_own_steps_and_the_feedback_are_kept(self, remember):
        memory = remember("voyager_skills", notes=1)
        memory.write("x", task="heat the egg", steps=["go to stove", " ", "heat egg"], reply="I did well.")
        own = "Skill heatTheEgg: heat the egg\n1. go to stove\n2. heat egg"
        assert memory.read("egg") == own
        for feedback in ("It burnt.", "It fell.", "It fell.", ""):
            memory.write("x", task="heat the egg", steps=[], completed=False, feedback=feedback, reply="")
        assert memory.read("egg") == own + "\nBeware: It fell."

    def test_a_failure_without_a_similar_skill_stores_nothing(self, remember):
        memory = remember("voyager_skills")
        memory.write("x", task="heat the egg", steps=["go"], completed=False, reply=self.BREW)
        assert memory.asks() == []
        assert memory.read("egg") == ""


class TestMemp:
    STEPS = "1. Find it.\n2. Use the stove."

    def heat(self, memory, *outcomes, reply=STEPS, **fields):
        for succeeded in outcomes:
            memory.write(
                f"Egg\n> heat egg\n{succeeded}",
                task="heat the egg",
                keywords=["egg", "heat"],
                steps=["go to stove"],
                succeeded=succeeded,
                reply=reply,
                **fields,
            )

    def test_a_success_is_built_once_into_script_and_trajectory(self, remember):
        memory = remember("memp")
        self.heat(memory, True, True)
        assert len(memory.asks()) == 1
        assert memory.read("heat the egg") == (
            "Script for: heat the egg\n1. Find it.\n2. Use the stove.\n\nRecord:\nEgg\n> heat egg\nTrue"
        )

    def test_a_failure_alone_is_not_stored(self, remember):
        memory = remember("memp")
        self.heat(memory, False)
        assert memory.asks() == []
        assert memory.read("heat the egg") == ""

    def test_a_failure_revises_the_procedure_that_was_followed(self, remember):
        memory = remember("memp", trajectory_share=0)
        self.heat(memory, True)
        self.heat(memory, False, reply="It was cold.\n1. Light the stove.\n2. Wait.")
        assert "Script:\n1. Find it.\n2. Use the stove." in memory.asks()[-1]
        assert memory.read("egg") == "Script for: heat the egg\n1. Light the stove.\n2. Wait."
        self.heat(memory, False, reply="No idea.", mistake="The stove was off.")
        assert memory.read("egg").endswith("\n3. Avoid: The stove was off.")

    def test_a_procedure_that_fails_too_often_is_dropped(self, remember):
        memory = remember("memp", uses_before_drop=3)
        self.heat(memory, True, True, False)  # built, then used twice: 1 of 2
        assert "heat the egg" in memory.read("egg")
        self.heat(memory, False)  # 1 of 3
        assert memory.read("egg") == ""

    def test_half_of_the_uses_is_enough(self, remember):
        memory = remember("memp", uses_before_drop=4)
        self.heat(memory, True, True, False, True, False)
        assert "heat the egg" in memory.read("egg")

    def test_it_is_looked_up_by_task_or_by_the_mean_of_the_keywords(self, remember):
        for by_keywords, found in ((0, "paint"), (1, "heat")):
            memory = remember("memp", by_keywords=by_keywords, top_k=1, trajectory_share=0)
            for task, keywords in (("paint the fence", ["egg", "pan"]), ("heat the egg", ["fence", "wood"])):
                memory.write("x", task=task, keywords=keywords, steps=["a"], reply=self.STEPS)
            text = memory.read(task="paint the fence", keywords=["wood", "fence"])
            assert text.startswith(f"Script for: {found}")

    def test_without_steps_in_the_reply_the_own_steps_are_the_script(self, remember):
        memory = remember("memp", trajectory_share=0)
        self.heat(memory, True, reply="1. Only one.")
        assert memory.read("egg") == "Script for: heat the egg\n1. go to stove"
