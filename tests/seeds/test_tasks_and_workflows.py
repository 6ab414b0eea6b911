"""Memories of tasks: a graph of them, whole trajectories, strategies, workflows and subgoals."""

from __future__ import annotations

import pytest


class TestGMemory:
    """Tasks in a chain: each shares words with the next one only."""

    CHAIN = (
        ("bake bread in oven", "RECORD-0 kneaded", "Warm dough rises sooner."),
        ("clean oven with vinegar", "RECORD-1 scrubbed", "Vinegar removes grease."),
        ("pickle cucumbers with vinegar", "RECORD-2 pickled", "Salt first, then acid."),
        ("paint fence", "RECORD-3 painted", "Paint in the shade."),
    )

    def learn(self, remember, **knobs):
        """A memory that adds the insight of each task, since the model's reply holds no vote."""
        always = {"first_revision": 1, "revise_every": 1, "merge_every": 100}
        memory = remember("g_memory", **{"top_k": 1, "edge_similarity": 0.1, **always, **knobs})
        for task, record, insight in self.CHAIN:
            memory.write(f"{task}\n{record}", task=task, insight=insight)
        memory.asks()
        return memory

    @pytest.mark.parametrize(("hops", "reached"), [(0, {0}), (1, {0, 1}), (2, {0, 1, 2})])
    def test_the_walk_goes_as_many_edges_as_it_may(self, remember, hops, reached):
        memory = self.learn(remember, hops=hops)
        text = memory.read("bake bread", reply="RECORD-0 kneaded")
        (prompt,) = memory.asks()
        assert {n for n in range(4) if f"RECORD-{n}" in prompt} == reached
        assert {n for n, (*_, insight) in enumerate(self.CHAIN) if insight in text} == reached

    def test_insights_stand_above_what_the_model_kept(self, remember):
        text = self.learn(remember).read("bake bread", reply="RECORD-0 kneaded")
        assert text.startswith("Insights:\n- Warm dough rises sooner.\n- Vinegar")
        assert text.endswith("\n\nExcerpts:\nRECORD-0 kneaded")

    FIX = "fix the bike"

    def fix(self, memory, *replies, succeeded=True, insight=""):
        """Episodes of one task, each with a reply to its revision."""
        for reply in replies:
            memory.write(
                f"> turn screw\n{succeeded}",
                task=self.FIX,
                insight=insight,
                succeeded=succeeded,
                reply=reply,
            )

    def insights(self, memory):
        text = memory.read(self.FIX, reply="x")
        return text.partition("\n\n")[0].split("\n")[1:] if text.startswith("Insights:") else []

    def test_insights_are_added_edited_and_removed_by_votes(self, remember):
        memory = remember("g_memory", first_revision=1, revise_every=1, merge_every=100)
        self.fix(memory, "ADD: Look twice.\n- **ADD**: Ask Ann.")
        self.fix(memory, "EDIT 1: Look three times.")
        assert "1. Look twice.\n2. Ask Ann." in memory.asks()[-1]
        assert self.insights(memory) == ["- Look three times.", "- Ask Ann."]
        # Each success gave both a point, so Ask Ann has 3 before it is removed in steps of 1.
        self.fix(memory, "REMOVE 2", "REMOVE 2", "REMOVE 2: Ask Ann.")
        assert self.insights(memory) == ["- Look three times.", "- Ask Ann."]

    def test_a_failure_takes_two_points_from_the_insights_retrieved_for_its_task(self, remember):
        memory = remember("g_memory", first_revision=1, revise_every=2, merge_every=100)
        self.fix(memory, "", "ADD: Look twice.", "", succeeded=True)  # score 2, then 3
        self.fix(memory, "AGREE 1", succeeded=False)  # 3 - 2 + 1
        assert self.insights(memory) == ["- Look twice."]
        self.fix(memory, "", succeeded=False)
        assert self.insights(memory) == []

    def test_a_success_is_compared_with_the_failure_most_like_it(self, remember):
        memory = remember("g_memory", first_revision=3, revise_every=3)
        self.fix(memory, "", succeeded=False)
        memory.write("> paint", task="paint fence", insight="", succeeded=False)
        assert memory.asks() == []
        self.fix(memory, "")
        (prompt,) = memory.asks()
        assert prompt.startswith("A team succeeded at one task and failed at a similar one.")
        assert "> turn screw\nTrue\n\n(This one failed.)\n> turn screw\nFalse\n" in prompt
        assert "> paint" not in prompt

    def test_without_a_vote_the_own_insight_is_added_and_then_agreed_to(self, remember):
        memory = remember("g_memory", first_revision=1, revise_every=1)
        self.fix(memory, "No idea.", "AGREE 7", insight="Look twice.")
        assert self.insights(memory) == ["- Look twice."]

    def test_the_insights_of_a_cluster_are_merged(self, remember):
        memory = remember("g_memory", first_revision=1, revise_every=1, merge_every=5, insights=30)
        memory.write("x", task="paint a fence", insight="", reply="ADD: Wear gloves.")
        memory.write("x", task="paint a fence red", insight="", reply="AGREE 1")
        self.fix(memory, "ADD: Look twice.", "ADD: Ask Ann.\nADD: Wait.")
        self.fix(memory, "1. Look, ask, wait.")
        assert memory.asks()[-1].startswith("Merge these insights into at most 1:")
        assert self.insights(memory)[0] == "- Look, ask, wait."
        assert not {"- Look twice.", "- Ask Ann.", "- Wait."} & {*self.insights(memory)}
        assert "- Wear gloves." in memory.read("paint a fence", reply="x")

    def test_of_similar_failures_only_so_many_are_read(self, remember):
        memory = remember("g_memory", failures=1, first_revision=20)
        self.fix(memory, "", "", succeeded=False)
        self.fix(memory, "")
        memory.read(self.FIX, reply="x")
        (prompt,) = memory.asks()
        assert (prompt.count("(This one failed.)"), prompt.count("> turn screw")) == (1, 2)

    def test_without_a_reply_the_lines_that_match_are_kept(self, remember):
        text = self.learn(remember).read("bake bread kneaded", reply="")
        assert "Excerpts:\nbake bread in oven\n" in text

    def test_the_longest_reply_is_cut(self, remember):
        assert len(self.learn(remember).read("bake bread", reply="RECORD-0 kneaded\n" * 9_000)) == 3_000


class TestTrajectoryRetrieval:
    def test_the_trajectories_of_similar_tasks_are_shown_whole(self, remember):
        memory = remember("trajectory_retrieval", top_k=2)
        for task in ("heat the egg", "cool the egg", "paint the fence"):
            memory.write(f"> go\n> {task}\ndone", task=task)
        assert memory.read("heat an egg").split("\n\n") == [
            "> go\n> heat the egg\ndone",
            "> go\n> cool the egg\ndone",
        ]

    def test_a_long_one_loses_its_middle(self, remember):
        memory = remember("trajectory_retrieval", top_k=1, budget_characters=600)
        lines = [f"step {n} of the way" for n in range(200)]
        memory.write("\n".join(lines), task="the way")
        head, tail = memory.read("the way").split("\n[...]\n")
        assert head.split("\n") == lines[: head.count("\n") + 1]
        assert tail.split("\n") == lines[-tail.count("\n") - 1 :]
        assert 500 < len(head) + len(tail) <= 600
        assert abs(len(head) - len(tail)) < 60

    def test_the_nearest_is_shown_whole_before_others_are(self, remember):
        memory = remember("trajectory_retrieval")
        texts = {
            task: "\n".join(f"{task}: step {n} of many more" for n in range(steps))
            for task, steps in (("heat the egg", 60), ("heat the eggs", 40), ("paint the fence", 9))
        }
        for task, text in texts.items():
            memory.write(text, task=task)
        first, second = memory.read("heat the egg").split("\n\n")
        assert first == texts["heat the egg"]
        assert "[...]" in second
        assert len(first) + len(second) > 2_900

    def test_what_a_short_one_leaves_goes_to_the_others(self, remember):
        memory = remember("trajectory_retrieval", top_k=2)
        memory.write("short egg", task="egg")
        memory.write("\n".join(f"line {n} on eggs" for n in range(400)), task="egg and more words besides")
        assert len(memory.read("egg")) > 2_900


ITEMS = (
    "Here you are:\n\n**Title:** Check the drawer\nDescription: When a thing is missing\n"
    "Content: Open every drawer before leaving the room.\n\nTitle: Note the place\nDescription: Always\n"
    "Content: Write down where it was.\nTwo lines are fine."
)


class TestReasoningBank:
    def test_notes_are_distilled_from_a_success(self, remember):
        memory = remember("reasoning_bank")
        memory.write("> open drawer", task="find the key", lesson="unused", reply=ITEMS)
        assert memory.read("find a key") == (
            "# Check the drawer\nWhen a thing is missing\nOpen every drawer before leaving the room.\n\n"
            "# Note the place\nAlways\nWrite down where it was.\nTwo lines are fine."
        )

    def test_a_failure_is_asked_about_in_another_way(self, remember):
        memory = remember("reasoning_bank")
        memory.write("> open drawer", task="find the key", lesson="x", reply=ITEMS)
        memory.write("> open drawer", task="find the key", lesson="x", succeeded=False, reply=ITEMS)
        success, failure = memory.asks()
        assert "An agent succeeded" in success
        assert "An agent failed" in failure
        assert "what to do instead" in failure

    @pytest.mark.parametrize(
        "reply", ["", "Open drawers.", "Title: x\nContent: no description", "Title:\n" * 99]
    )
    def test_a_reply_of_another_form_leaves_the_lesson(self, remember, reply):
        memory = remember("reasoning_bank")
        memory.write(
            "> open drawer", task="find the key", lesson="Look in drawers.", succeeded=False, reply=reply
        )
        assert memory.read("find a key") == "# find the key\nLearnt from a failure\nLook in drawers."

    def test_only_similar_tasks_are_recalled_and_only_so_many_notes_are_taken(self, remember):
        memory = remember("reasoning_bank", top_k=1, items_per_episode=2)
        notes = "".join(f"Title: N{n}\nDescription: d\nContent: c{n}\n" for n in range(5))
        memory.write("x", task="find the key", lesson="", reply=notes)
        memory.write("x", task="paint the fence", lesson="Use a brush.", reply="")
        assert memory.read("find the key") == "# N0\nd\nc0\n\n# N1\nd\nc1"


class TestAwm:
    TWO = (
        "Workflow: Put {object} in {place}\n1. go to {object}\n2. take {object}\n3. put it in {place}\n\n"
        "Workflow: Leave\n1) stand up\n2) go"
    )

    def test_workflows_are_induced_and_shown_by_likeness_to_the_goal(self, remember):
        memory = remember("awm")
        memory.write("> take mug", goal="put a mug in the sink", steps=[], reply=self.TWO)
        first, second = memory.read("put an object in a place").split("\n\n")
        assert (
            first
            == "Workflow: Put {object} in {place}\n1. go to {object}\n2. take {object}\n3. put it in {place}"
        )
        assert second.startswith("Workflow: Leave\n1. stand up")

    def test_the_same_workflow_again_is_counted_and_the_longer_one_stays(self, remember):
        memory = remember("awm")
        memory.write("x", goal="g", steps=[], reply="Workflow: Leave\n1. stand up\n2. go")
        memory.write("x", goal="g", steps=[], reply="**Workflow: leave**\n1. stand up\n2. open door\n3. go")
        assert memory.read("leave") == "Workflow: Leave (seen 2 times)\n1. stand up\n2. open door\n3. go"

    def test_nothing_is_induced_from_a_failure(self, remember):
        memory = remember("awm")
        memory.write("> take mug", goal="g", steps=["take mug"], reached=False, reply=self.TWO)
        assert memory.asks() == []
        assert memory.read("g") == ""

    @pytest.mark.parametrize("reply", ["", "No idea.", "Workflow: Lonely\n1. one step is none", "1. a\n2. b"])
    def test_otherwise_the_steps_are_made_abstract_by_rule(self, remember, reply):
        memory = remember("awm")
        memory.write(
            "x",
            goal="write to Ann",
            reply=reply,
            steps=['type "hello" in field 3', "send it to Ann Smith", "close"],
        )
        assert memory.read("write") == (
            "Workflow: write to {name}\n1. type {text} in field {number}\n2. send it to {name}\n3. close\n"
            'For example: type "hello" in field 3 / send it to Ann Smith'
        )

    def test_episodes_that_differ_in_values_only_are_one_workflow(self, remember):
        memory = remember("awm")
        for name in ("Ann", "Bob"):
            memory.write("x", goal=f"write to {name}", steps=[f"call {name}", "wait"], reply="")
        assert memory.read("write").count("Workflow:") == 1
        assert "(seen 2 times)\n1. call {name}\n2. wait" in memory.read("write")

    def test_a_workflow_seen_often_comes_before_one_as_similar(self, remember):
        memory = remember("awm", support_weight=0.5)
        once, often = ("Workflow: Go out\n1. a\n2. b", "Workflow: Come in\n1. c\n2. d")
        for reply in (once, often, often, often):
            memory.write("x", goal="g", steps=[], reply=reply)
        assert memory.read("go out").startswith("Workflow: Come in (seen 3 times)")


class TestHiAgent:
    def test_the_subgoal_at_hand_is_seen_in_full_and_asks_no_model(self, remember):
        memory = remember("hiagent")
        memory.write("> open fridge\nYou see an egg.", subgoal="find egg", summary="s", finished=False)
        assert memory.asks() == []
        assert memory.read("?") == "Subgoal at hand: find egg\n> open fridge\nYou see an egg."

    def test_a_finished_subgoal_is_folded(self, remember):
        memory = remember("hiagent", unfolded=0)
        memory.write(
            "> open fridge\nYou see an egg.", subgoal="find egg", summary="s", reply="Egg was in fridge."
        )
        (prompt,) = memory.asks()
        assert "You see an egg." in prompt
        assert memory.read("?") == "Finished subgoals:\n- find egg: Egg was in fridge."

    def test_the_same_subgoal_goes_on_and_another_one_folds_it(self, remember):
        memory = remember("hiagent", unfolded=0, same_subgoal=0.5)
        memory.write("> open the fridge door", subgoal="find egg", summary="a", finished=False)
        memory.write("> open the fridge drawer", subgoal="find egg", summary="b", finished=False)
        assert "door\n> open the fridge drawer" in memory.read("?")
        memory.write("> go home", subgoal="rest", summary="c", finished=False, reply="Looked everywhere.")
        (prompt,) = memory.asks()
        assert "door\n> open the fridge drawer" in prompt
        assert memory.read("?") == (
            "Finished subgoals:\n- find egg: Looked everywhere.\n\nSubgoal at hand: rest\n> go home"
        )

    def test_a_write_that_ends_two_asks_about_one(self, remember):
        memory = remember("hiagent", unfolded=0)
        memory.write("> open fridge", subgoal="find egg", summary="No egg yet.", finished=False)
        memory.write("> go home", subgoal="rest", summary="c", finished=True, reply="Went home.")
        assert len(memory.asks()) == 1
        assert memory.read("?") == "Finished subgoals:\n- find egg: No egg yet.\n- rest: Went home."

    @pytest.mark.parametrize(
        ("reply", "shown"), [("", "own words"), ("*** ", "own words"), ("long " * 999, "long")]
    )
    def test_a_summary_is_short_and_never_empty(self, remember, reply, shown):
        memory = remember("hiagent", unfolded=0, summary_characters=60)
        memory.write("> go", subgoal="walk", summary="own words", reply=reply)
        summary = memory.read("?").partition("walk: ")[2]
        assert summary.startswith(shown)
        assert len(summary) <= 60

    def test_within_a_task_the_actions_for_the_subgoal_at_hand_are_shown(self, remember):
        memory = remember("hiagent")
        assert memory.observe("go to shelf", "You see\na pan.", goal="Heat the pan.")
        assert memory.observe("look", "You see a pan.", goal="Heat the pan.")
        assert memory.read("?") == "Done in this task:\ngo to shelf: You see a pan.\nlook: You see a pan."
        assert memory.asks() == []

    def test_an_action_that_changes_something_ends_the_subgoal_and_folds_it(self, remember):
        memory = remember("hiagent")
        memory.observe("go to shelf", "You see a pan.", goal="Heat the pan.")
        memory.observe("heat pan with stove", "Nothing happens.", goal="Heat the pan.")
        memory.observe("take pan from shelf", "You take the pan.", goal="Heat the pan.", reply="Got the pan.")
        (prompt,) = memory.asks()
        assert "go to shelf: You see a pan." in prompt
        assert memory.read("?") == "Done in this task:\n- take pan from shelf: Got the pan."

    def test_another_goal_folds_what_was_done_for_the_first_and_is_what_is_looked_up(self, remember):
        memory = remember("hiagent", unfolded=1)
        memory.write("Kitchen\nThe egg is green.", subgoal="find egg", summary="s", reply="Found it.")
        memory.write("Garden\nThe gate is rusty.", subgoal="open gate", summary="s", reply="Opened.")
        assert "The egg is green." in memory.read("Which egg?", subgoal="find egg")
        memory.observe("look", "You see a gate.", goal="Find the egg.")
        memory.observe("wait", "Open the gate instead!", goal="open gate")
        text = memory.read("Which egg?", subgoal="find egg")
        assert "The gate is rusty." in text
        assert "The egg is green." not in text
        assert "- Find the egg.: look: You see a gate." in text

    def test_its_read_once_form_goes_by_the_episodes_alone(self, remember):
        memory = remember("hiagent", within_task=0)
        assert not memory.observe("take egg", "You take the egg.", goal="Eat.", reply="Took it.")
        assert memory.asks() == []
        assert memory.read("?") == ""

    def test_a_long_task_keeps_within_the_limit(self, remember):
        memory = remember("hiagent", task_characters=2000)
        for number in range(60):
            memory.write("word " * 400, subgoal=f"goal {number}", summary="s", reply="done " * 60)
            memory.observe("look", "word " * 200, goal=f"Word {number}.", reply="done " * 60)
        assert 1000 < len(memory.read("word")) <= 3000

    def test_the_subgoal_that_is_asked_about_is_unfolded(self, remember):
        memory = remember("hiagent", unfolded=1)
        memory.write(
            "Kitchen\nThe egg is green.\nNothing else.", subgoal="find egg", summary="s", reply="Found it."
        )
        memory.write("Garden\nThe gate is rusty.", subgoal="open gate", summary="s", reply="Opened.")
        text = memory.read("Which colour has the egg?", subgoal="find egg")
        assert "Details of finished subgoals:\nKitchen\nThe egg is green." in text
        assert "Nothing else." not in text
        assert "rusty" not in text
        assert "- open gate: Opened." in text
