"""Memories that keep facts, notes or one sheet, and change what they have when something new is written."""

from __future__ import annotations

import pytest


class TestMem0:
    @pytest.fixture
    def rome(self, remember):
        memory = remember("mem0")
        memory.write(facts=["Ann lives in Rome."], date="8 May 2023", reply="not to be asked")
        assert memory.asks() == []  # there was nothing to compare with
        return memory

    def test_an_update_replaces_the_old_fact(self, rome):
        rome.write(
            facts=["Ann has moved to Oslo."],
            date="1 June 2023",
            reply="N1 UPDATE M1: Ann lives in Oslo, before that in Rome until May.",
        )
        assert rome.read("Where does Ann live?") == (
            "- Ann lives in Oslo, before that in Rome until May. (1 June 2023)"
        )
        (prompt,) = rome.asks()
        assert "M1. Ann lives in Rome." in prompt
        assert "N1. Ann has moved to Oslo." in prompt

    def test_a_delete_removes_it_and_an_add_keeps_the_new_one(self, rome):
        rome.write(facts=["Ann never lived in Rome."], reply="N1 DELETE M1\nN1 ADD")
        assert rome.read("Where did Ann live?") == "- Ann never lived in Rome."

    def test_a_delete_alone_drops_both(self, rome):
        rome.write(facts=["Ann never lived in Rome."], reply="**N1** DELETE M1")
        assert rome.read("Where did Ann live?") == ""

    def test_none_changes_nothing(self, rome):
        rome.write(facts=["Ann is in Rome."], reply="N1: NONE")
        assert rome.read("Where is Ann?") == "- Ann lives in Rome. (8 May 2023)"

    def test_each_new_fact_has_its_own_decision(self, rome):
        rome.write(
            facts=["Bob plays chess.", "Ann lives there.", "Ann left Rome."],
            reply="My decision.\nN1 ADD\nN2 NONE\n- N3 UPDATE M1 - Ann left Rome in May",
        )
        assert set(rome.read("Ann Bob Rome chess").splitlines()) == {
            *("- Bob plays chess.", "- Ann left Rome in May"),
        }

    @pytest.mark.parametrize(
        "reply", ["", "It depends.", "N9 ADD", "N1 DELETE M77", "N1 UPDATE: x", "n1 add"]
    )
    def test_what_the_reply_does_not_decide_is_added_once(self, rome, reply):
        rome.write(facts=["Ann has a dog.", "Ann lives in Rome."], reply=reply)
        rome.write(facts=["Ann has a dog."], reply=reply)
        assert sorted(rome.read("Ann dog Rome").splitlines()) == [
            *("- Ann has a dog.", "- Ann lives in Rome. (8 May 2023)"),
        ]

    def test_a_decision_that_the_reply_repeats_is_taken_once(self, rome):
        rome.write(
            facts=["Ann has a dog."], reply="Let me see: N1 is new.\nN1 ADD\nSo the answer is:\nN1 ADD"
        )
        assert rome.read("Ann dog").count("Ann has a dog.") == 1

    def test_an_update_without_text_takes_the_new_fact(self, rome):
        rome.write(facts=["Ann lives in Oslo."], reply="N1 UPDATE M1")
        assert rome.read("Where does Ann live?") == "- Ann lives in Oslo."

    def test_a_fact_that_was_deleted_in_the_same_reply_cannot_be_updated(self, rome):
        rome.write(
            facts=["Ann moved.", "Ann is in Oslo."], reply="N1 DELETE M1\nN2 UPDATE M1: Ann is in Oslo now"
        )
        assert rome.read("Where is Ann?") == "- Ann is in Oslo."

    def test_top_k_facts_are_read(self, remember):
        memory = remember("mem0", top_k=3)
        memory.write(facts=[f"Ann owns book {n}." for n in range(20)])
        assert len(memory.read("What does Ann own?").splitlines()) == 3


class TestAMem:
    ROME = "8 May 2023\nAnn: Rome was wonderful, we ate gelato every evening.\nBob: Lucky you."
    RING = "9 June 2023\nAnn: Look at my ring, we got engaged on that trip!"

    def write(self, memory, reply):
        memory.write(
            self.ROME,
            keywords=["Rome", "gelato"],
            tags=["travel"],
            context="Ann tells of a holiday",
            date="8 May 2023",
            reply="not to be asked",
        )
        assert memory.asks() == []
        memory.write(self.RING, keywords=["ring"], tags=["love"], context="Ann is engaged", reply=reply)

    def test_a_link_brings_the_other_note_along(self, remember):
        memory = remember("a_mem", top_k=1)
        self.write(memory, "NONE")
        assert "Ann tells of a holiday" not in memory.read("Who is engaged and has a ring?")
        linked = remember("a_mem", top_k=1)
        self.write(linked, "LINK 0")
        text = linked.read("Who is engaged and has a ring? Rome?")
        assert text.index("Ann is engaged") < text.index("Ann tells of a holiday")
        assert "Rome was wonderful" in text

    def test_a_revision_changes_context_and_tags_of_the_old_note(self, remember):
        memory = remember("a_mem")
        self.write(memory, "REVISE 0: In Rome, Bob asked Ann to marry him | travel, engagement")
        text = memory.read("What happened in Rome?")
        assert "In Rome, Bob asked Ann to marry him [travel, engagement]" in text
        assert "Ann tells of a holiday" not in text
        memory.write("Bob: hello", keywords=["hello"], tags=[], context="Bob greets", reply="NONE")
        assert "0. 8 May 2023 In Rome, Bob asked Ann to marry him" in memory.asks()[-1]

    def test_the_revised_note_is_found_by_what_it_says_now(self, remember):
        memory = remember("a_mem", top_k=1, linked_notes=0)
        self.write(memory, "REVISE 0: proposal, marriage, wedding plans | proposal, marriage, wedding")
        assert "gelato" in memory.read("proposal marriage wedding plans gelato?")

    def test_a_note_that_is_linked_gets_tags_for_it(self, remember):
        for decision, tags in (("LINK 0\nTAGS: love, trips", "love, trips"), ("TAGS: love, trips", "love")):
            memory = remember("a_mem")
            self.write(memory, decision)
            assert f"Ann is engaged [{tags}]" in memory.read("Who is engaged?")

    def test_without_a_decision_notes_are_linked_by_similarity(self, remember):
        for threshold, linked in ((0.0, True), (0.95, False)):
            memory = remember("a_mem", top_k=1, link_similarity=threshold)
            self.write(memory, "I would rather not say.")
            assert ("Ann tells of a holiday" in memory.read("Who is engaged and has a ring?")) is linked

    @pytest.mark.parametrize("reply", ["LINK 7", "REVISE 5: nonsense | x", "REVISE 0:   | tag", "LINK 1"])
    def test_only_notes_that_were_shown_can_be_changed(self, remember, reply):
        memory = remember("a_mem", top_k=1)
        self.write(memory, reply)
        assert memory.read("gelato in Rome").startswith("Note 0, 8 May 2023: Ann tells of a holiday [travel]")


class TestMemoryBank:
    TEACHER = "Ann: My violin teacher is called Brodsky."

    def idle(self, memory, count, start=0):
        for n in range(start, start + count):
            memory.write(f"Day {n}\nBob: The weather was number{n} and grey{n}.")

    @pytest.fixture
    def quick(self, remember):
        return remember(
            "memory_bank", episodes_per_strength=1, forgotten_below=0.1, summaries=0, portrait_characters=0
        )

    def test_a_line_is_forgotten_with_time(self, quick):
        quick.write(f"Day\n{self.TEACHER}")
        self.idle(quick, 1)
        assert self.TEACHER in quick.read("Who is the violin teacher?")
        self.idle(quick, 4, start=1)
        assert self.TEACHER not in quick.read("Who is the violin teacher?")

    def test_a_write_that_recalls_it_keeps_it(self, quick):
        quick.write(f"Day\n{self.TEACHER}")
        self.idle(quick, 1)
        quick.write("Day\nAnn: My violin teacher is called Brodsky, you know.")
        self.idle(quick, 3, start=1)
        assert self.TEACHER in quick.read("Who is the violin teacher?")  # strength 2: half as fast
        self.idle(quick, 6, start=4)
        assert self.TEACHER not in quick.read("Who is the violin teacher?")

    def test_what_is_forgotten_cannot_be_recalled(self, quick):
        quick.write(f"Day\n{self.TEACHER}")
        self.idle(quick, 6)
        quick.write("Day\nAnn: My violin teacher is called Brodsky, you know.")
        assert quick.read("Who is the violin teacher?").count("Brodsky") == 1

    def test_reading_does_not_recall(self, quick):
        quick.write(f"Day\n{self.TEACHER}")
        for n in range(5):
            quick.session.read({"question": "Who is the violin teacher?"})
            self.idle(quick, 1, start=n)
        assert self.TEACHER not in quick.read("Who is the violin teacher?")

    def test_the_portrait_is_rewritten(self, remember):
        memory = remember("memory_bank")
        memory.write("Day\nAnn: Hi", reply="Portrait: Ann is shy.", traits=["Ann greets"])
        memory.write("Day\nAnn: HI!", reply="Sure!\n**Portrait:** Ann has grown bold.", traits=["Ann shouts"])
        assert "Present portrait: Ann is shy." in memory.asks()[-1]
        assert memory.read("Ann?").startswith("Portrait: Ann has grown bold.\n")
        assert "shy" not in memory.read("Ann?")

    def test_without_the_label_the_traits_are_added_to_it(self, remember):
        memory = remember("memory_bank")
        memory.write("Day\nAnn: Hi", reply="Portrait: Ann is shy.")
        memory.write("Day\nAnn: HI!", reply="Ann: HI!", traits=["Ann likes tea", "Ann is shy."])
        assert memory.read("Ann?").startswith("Portrait: Ann likes tea / Ann is shy.\n")

    def test_a_summary_is_forgotten_as_a_line_is(self, remember):
        memory = remember("memory_bank", episodes_per_strength=1, forgotten_below=0.1, portrait_characters=0)
        memory.write("8 May\nAnn: I won!", summary="Ann won the chess cup.")
        self.idle(memory, 1)
        assert "Ann won the chess cup." in memory.read("Who won the chess cup?")
        self.idle(memory, 4, start=1)
        assert "Ann won the chess cup." not in memory.read("Who won the chess cup?")

    def test_summaries_stand_beside_the_lines(self, remember):
        memory = remember("memory_bank")
        memory.write("8 May\nAnn: I won!", summary="Ann won the chess cup.")
        assert "Summary of 8 May: Ann won the chess cup.\n8 May\nAnn: I won!" in memory.read("Who won?")


class TestDynamicCheatsheet:
    def test_there_is_one_sheet_and_each_episode_rewrites_it(self, remember):
        memory = remember("dynamic_cheatsheet")
        memory.write("Ann: 1", insight="a", reply="BEGIN SHEET\n- Ann counts\nEND SHEET")
        memory.write(
            "Ann: 2",
            insight="b",
            reply="Done.\n**BEGIN SHEET**\n# People\n- Ann counts to 2\n**END SHEET**\n",
        )
        assert "Present sheet:\n- Ann counts\n" in memory.asks()[-1]
        assert memory.read("Ann?") == memory.read("Bob?") == "# People\n- Ann counts to 2"

    @pytest.mark.parametrize(
        "reply", ["", "- Ann", "BEGIN SHEET\n- Ann counts to", "BEGIN SHEET\n \nEND SHEET"]
    )
    def test_a_broken_reply_loses_nothing(self, remember, reply):
        memory = remember("dynamic_cheatsheet")
        memory.write("Ann: 1", insight="", reply="BEGIN SHEET\n- Ann counts\nEND SHEET")
        memory.write("Bob: 2", insight="Bob counts too", reply=reply)
        assert memory.read("?") == "- Ann counts\n- Bob counts too"

    def test_a_sheet_that_is_too_long_is_cut_at_a_line(self, remember):
        memory = remember("dynamic_cheatsheet", sheet_characters=500)
        lines = [f"- entry {n} of many" for n in range(100)]
        memory.write("x", insight="", reply="\n".join(["BEGIN SHEET", *lines, "END SHEET"]))
        kept = memory.read("?").split("\n")
        assert kept == lines[: len(kept)]
        assert 450 < len("\n".join(kept)) <= 500

    def test_insights_push_out_the_oldest(self, remember):
        memory = remember("dynamic_cheatsheet", sheet_characters=500)
        for n in range(60):
            memory.write("x", insight=f"insight {n}", reply="no sheet")
        kept = memory.read("?").split("\n")
        assert kept == [f"- insight {n}" for n in range(60 - len(kept), 60)]

    def test_its_retrieval_form_writes_a_sheet_for_each_question(self, remember):
        memory = remember("dynamic_cheatsheet", retrieved=2)
        for task in ("heat the egg", "paint a fence", "cool the egg"):
            sheet = f"BEGIN SHEET\n- sheet before {task}\nEND SHEET"
            memory.write(f"> {task}\ndone", insight="", task=task, reply=sheet)
        asked = memory.asks()
        assert "Earlier tasks:\n(none)\n\nNext task: heat the egg" in asked[0]
        assert "Present sheet:\n- sheet before paint a fence\n" in asked[2]
        assert "Next task: cool the egg" in asked[2]
        text = memory.read("boil the egg", reply="BEGIN SHEET\n- boil it\nEND SHEET")
        assert text == "- boil it"
        (prompt,) = memory.asks()
        assert "Present sheet:\n- sheet before cool the egg\n" in prompt
        assert "> heat the egg" in prompt
        assert "> paint" not in prompt
        text = memory.read("heat the egg", reply="no sheet")  # and the one before is gone with its question
        assert text == "> cool the egg\ndone\n\n> heat the egg\ndone"
