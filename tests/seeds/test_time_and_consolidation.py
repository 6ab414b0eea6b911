"""Memories that keep track of time, or consolidate between episodes."""

from __future__ import annotations

from typing import ClassVar


class TestZepGraph:
    def lives(self, memory, *places, reply="It depends."):
        """Say where Ann lives, as pairs of a place and the date from which it is true."""
        for place, since in places:
            fact = f"Ann | lives in | {place} | Ann lives in {place}. | {since}"
            memory.write(f"Talk in {place}", facts=[fact], reply=reply)

    def test_a_newer_fact_ends_the_older_one_and_both_stay(self, remember):
        memory = remember("zep_graph")
        self.lives(memory, ("Rome", "2021-03-01"), ("Oslo", "8 May 2023"))
        assert set(memory.read("Where does Ann live?").split("\n")) == {
            *(
                "- Ann lives in Rome. (2021-03-01 - 2023-05-08)",
                "- Ann lives in Oslo. (2023-05-08 - present)",
            ),
        }

    def test_what_is_learnt_late_does_not_end_what_is_true_now(self, remember):
        memory = remember("zep_graph")
        self.lives(memory, ("Oslo", "2023-05-08"), ("Rome", "March 2021"), ("Bern", "2022-01-02"))
        assert set(memory.read("Where does Ann live?").split("\n")) == {
            "- Ann lives in Oslo. (2023-05-08 - present)",
            "- Ann lives in Rome. (2021-03 - 2022-01-02)",
            "- Ann lives in Bern. (2022-01-02 - 2023-05-08)",
        }

    def test_a_question_about_a_time_prefers_what_was_true_then(self, remember):
        memory = remember("zep_graph")
        self.lives(memory, ("Rome", "2021-03-01"), ("Oslo", "2023-05-08"))
        for date, place in (
            ("2022", "Rome"),
            ("May 1, 2023", "Rome"),
            ("2023-05-08", "Oslo"),
            ("2025-01", "Oslo"),
        ):
            text = memory.read(question="Where does Ann live?", names=["Ann"], date=date)
            assert text.startswith(f"- Ann lives in {place}."), date

    def test_the_model_decides_what_ends_and_what_is_the_same(self, remember):
        memory = remember("zep_graph")
        memory.write(
            facts=["Ann | likes | tea | Ann likes tea."], date="1 May 2023", reply="nothing to compare with"
        )
        assert memory.asks() == []
        memory.write(facts=["Ann | likes | chess | Ann likes chess."], date="2 May 2023", reply="NONE")
        memory.write(
            facts=["Ann | enjoys | tea | Tea pleases Ann.", "Ann | gave up | chess | Ann hates chess."],
            date="3 May 2023",
            reply="N1 SAME M0\n- N2 ENDS M1\nN2 ENDS M99\nN7 SAME M0",
        )
        assert "M0. Ann likes tea. (2023-05-01 - present)" in memory.asks()[-1]
        assert set(memory.read("What does Ann like?").split("\n")) == {
            "- Ann likes tea. (2023-05-01 - present)",
            "- Ann likes chess. (2023-05-02 - 2023-05-03)",
            "- Ann hates chess. (2023-05-03 - present)",
        }

    def test_a_fact_that_is_true_again_is_another_fact(self, remember):
        memory = remember("zep_graph")
        self.lives(memory, ("Rome", "2021-01-01"), ("Oslo", "2022-01-01"), ("Rome", "2023-01-01"))
        assert set(memory.read("Where does Ann live?").split("\n")) == {
            "- Ann lives in Rome. (2021-01-01 - 2022-01-01)",
            "- Ann lives in Oslo. (2022-01-01 - 2023-01-01)",
            "- Ann lives in Rome. (2023-01-01 - present)",
        }

    def test_without_dates_the_order_of_learning_decides(self, remember):
        memory = remember("zep_graph")
        self.lives(memory, ("Rome", ""), ("Oslo", ""))
        assert memory.read("Where does Ann live in Rome?").split("\n") == [
            "- Ann lives in Rome. (unknown - unknown)",
            "- Ann lives in Oslo.",
        ]

    def test_the_graph_finds_facts_that_share_no_word_with_the_question(self, remember):
        for hops, found in ((0, False), (2, True)):
            memory = remember("zep_graph", hops=hops, top_k=3, depth=5)
            memory.write(
                facts=[
                    "Zoe | works at | Brightwater | Zoe works at Brightwater.",
                    "Brightwater | is in | Turin | Po river flows past it.",
                    *(f"It was a day like any other, number {n}." for n in range(20)),
                ],
                reply="NONE",
            )
            text = memory.read(question="Town of employer Zoe?", names=["Zoe"])
            assert ("Po river" in text) is found


class TestLightMem:
    SMALL: ClassVar = {"short_term_characters": 300, "kept_share": 1.0}
    FILLER = "Bob: " + "and so it went on, day after day " * 9

    def test_what_says_least_is_left_out(self, remember):
        memory = remember("light_mem", kept_share=0.5)
        memory.write("Day 1\nAnn: hello\nAnn: I sold my violin in Lisbon\nBob: hello\nBob: hello hello hello")
        assert set(memory.read("hello violin").split("\n")) == {
            *("Ann: I sold my violin in Lisbon (Day 1)", "Ann: hello (Day 1)"),
        }

    def test_short_term_memory_gathers_topics_and_is_extracted_when_full(self, remember):
        memory = remember("light_mem", **self.SMALL)
        cat, poor = "Ann: my cat is ill", "Bob: poor cat, is your cat eating?"
        fence = "Ann: shall we paint a fence?"
        memory.write("\n".join(["Day 1", cat, poor, fence]))
        assert memory.asks() == []
        assert f"{cat} (Day 1)" in memory.read("cat")
        reply = "1: Ann's cat is ill.\n3: Ann wants to paint a fence.\n99: No."
        memory.write(f"Day 2\n{self.FILLER}", reply=reply)
        (prompt,) = memory.asks()
        topics = f"Topic 1 (Day 1)\n1: {cat}\n2: {poor}\nTopic 2 (Day 1)\n3: {fence}\nTopic 3 (Day 2)\n4:"
        assert topics in prompt
        assert set(memory.read("cat fence").split("\n")) == {
            *("Ann's cat is ill. (Day 1)", "Ann wants to paint a fence. (Day 1)"),
        }

    def test_without_facts_in_the_reply_the_turns_are_kept(self, remember):
        memory = remember("light_mem", **self.SMALL)
        memory.write(f"Day 1\nAnn: my cat is ill\n{self.FILLER}", reply="I cannot.")
        assert "Ann: my cat is ill (Day 1)" in memory.read("cat")

    def sleep(self, remember, reply):
        """Two facts on a day, a third that is like the first, then a day on which memory sleeps."""
        memory = remember("light_mem", sleep_every=2, update_similarity=0.5, **self.SMALL)
        memory.write(f"Day 1\n{self.FILLER}", reply="1: Ann lives in Rome now.\n1: Bob plays chess.")
        memory.write(f"Day 2\n{self.FILLER}", reply="1: Ann lives in Oslo now.")
        memory.write("Day 3\nCy: hm", reply=reply)
        return memory

    def test_a_sleep_compares_old_entries_with_newer_ones_like_them(self, remember):
        memory = self.sleep(remember, "1 DELETE")
        assert memory.asks()[-1].endswith(
            "1. Ann lives in Rome now. (Day 1)\n   newer: Ann lives in Oslo now. (Day 2)\n"
        )
        assert set(memory.read("Where does Ann live, and Bob?").split("\n")) >= {
            *("Ann lives in Oslo now. (Day 2)", "Bob plays chess. (Day 1)"),
        }
        assert "Rome" not in memory.read("Where does Ann live?")

    def test_a_sleep_may_rewrite_an_entry_or_keep_it(self, remember):
        memory = self.sleep(remember, "1 UPDATE: Ann lived in Rome until she moved to Oslo.")
        assert "Ann lived in Rome until she moved to Oslo. (Day 1)" in memory.read("Where does Ann live?")
        memory = self.sleep(remember, "I would keep all of them.")
        assert "Ann lives in Rome now. (Day 1)" in memory.read("Where does Ann live?")


class TestMemoryOS:
    SAIL, COOK = "the sailing boat trip was {}", "cooking rice dinner was {}"

    def talk(self, memory, line, *ends, reply="", facts=()):
        """An episode for each end of the line."""
        for end in ends:
            memory.write(f"Day {end}\nAnn: {line.format(end)}", facts=list(facts), reply=reply)

    def test_turns_that_leave_short_term_memory_join_the_segment_of_their_topic(self, remember):
        memory = remember("memory_os", short_term=1, segments_read=1, pages_read=5, hot=30)
        self.talk(memory, self.SAIL, "long")
        self.talk(memory, self.COOK, "quick")
        self.talk(memory, self.SAIL, "fun")
        self.talk(memory, self.COOK, "late", "last")
        *pages, latest = memory.read("How was the sailing boat trip?").split("\n")
        assert {*pages} == {
            *(
                "Ann: the sailing boat trip was long (Day long)",
                "Ann: the sailing boat trip was fun (Day fun)",
            ),
        }
        assert latest == "Ann: cooking rice dinner was last (Day last)"
        assert memory.asks() == []

    def test_a_hot_segment_is_looked_through_and_cools_down(self, remember):
        memory = remember("memory_os", short_term=1, hot=4, same_topic=0.5)
        reply = "Profile: Ann loves boats.\nFact: Ann sailed in May.\n- **Fact:** Ann owns a boat."
        self.talk(memory, self.SAIL, "a", "b", reply=reply)
        assert memory.asks() == []  # one visit: 0 + 1 + 1
        self.talk(memory, self.SAIL, "c", reply=reply)  # 1 + 2 + 1
        (prompt,) = memory.asks()
        assert "trip was a (Day a)\nAnn: the sailing boat trip was b (Day b)" in prompt
        text = memory.read("What of boats?")
        assert text.startswith("Profile: Ann loves boats.\nKnown: Ann ")
        assert "Known: Ann sailed in May." in text
        self.talk(memory, self.SAIL, "d", reply=reply)  # 1 + 1 + 1
        assert memory.asks() == []
        self.talk(memory, self.SAIL, "e", reply="Profile: Ann sails.")  # 2 + 2 + 1
        (prompt,) = memory.asks()
        assert "Present profile: Ann loves boats." in prompt
        assert "trip was b" not in prompt
        assert memory.read("?").startswith("Profile: Ann sails.\n")

    def test_without_a_profile_or_fact_in_the_reply_the_agents_facts_are_kept(self, remember):
        memory = remember("memory_os", short_term=1, hot=2, facts=5)
        for day in "abcdefgh":
            self.talk(memory, self.SAIL, day, reply="No idea.", facts=[f"Ann sailed on day {day}."])
        known = [line for line in memory.read("Ann sailed").split("\n") if line.startswith("Known: ")]
        assert sorted(known) == [f"Known: Ann sailed on day {day}." for day in "defgh"]

    def test_the_coldest_segment_is_dropped(self, remember):
        memory = remember("memory_os", short_term=1, segments=3, hot=30, recency_episodes=1)
        self.talk(memory, self.COOK, "quick")
        self.talk(memory, self.SAIL, "long", "fun", "wild")
        self.talk(memory, "painted {} fences garden", "red")
        self.talk(memory, "violin lesson {} music", "one")
        question = "cooking rice dinner, sailing boat, fences, violin"
        assert "cooking" in memory.read(question)
        self.talk(memory, "violin lesson {} music", "two")  # moves the first lesson to a fourth segment
        text = memory.read(question)
        assert "cooking" not in text
        assert "sailing" in text
        assert "fences" in text
