"""Memories that keep track of time, or consolidate between episodes."""

from __future__ import annotations


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
