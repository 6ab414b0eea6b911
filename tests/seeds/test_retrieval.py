"""Memories that keep the text and differ in how they look: by words, neighbours, tiers or a model."""

from __future__ import annotations

from typing import ClassVar

import pytest


def test_no_memory_returns_nothing_and_asks_no_model(remember):
    memory = remember("no_memory")
    memory.write("Ann: I live in Rome.")
    assert memory.read("Where does Ann live?") == ""
    assert memory.asks() == []


class TestFullContext:
    def test_all_that_fits_is_shown_in_order(self, remember):
        memory = remember("full_context")
        memory.write("Day 1\nAnn: hello")
        memory.write("Day 2\nBob: bye\n")
        assert memory.read("anything") == "Day 1\nAnn: hello\n\nDay 2\nBob: bye"

    def test_the_oldest_lines_fall_off_and_the_heading_stays(self, remember):
        memory = remember("full_context", budget_characters=600)
        memory.write("Day 1\nAnn: forgotten")
        lines = [f"Ann: line {n}" for n in range(100)]
        memory.write("\n".join(["Day 2", *lines]))
        heading, gap, *kept = memory.read("anything").split("\n")
        assert (heading, gap) == ("Day 2", "[...]")
        assert kept == lines[-len(kept) :]
        assert 560 < len(memory.read("anything")) <= 600


class TestBm25:
    def test_a_rare_word_counts_more_than_a_common_one(self, remember):
        memory = remember("bm25", budget_characters=600)
        filler = [f"Ann: the garden is lovely today {n}" for n in range(60)]
        memory.write("\n".join(["Day 1", *filler, "Bob: my telescope broke"]))
        text = memory.read(keywords=["garden", "lovely", "telescopes"])
        assert "telescope broke" in text

    def test_more_often_and_shorter_is_better(self, remember):
        memory = remember("bm25", budget_characters=600)
        once = f"Ann: tea {'and other things ' * 17}x"
        memory.write("\n".join(["Day 1", once, f"Bob: tea, tea {'and other things ' * 17}", "Cy: tea"]))
        text = memory.read(keywords=["tea"])
        assert "Cy: tea" in text
        assert "Bob: tea, tea" in text
        assert once not in text  # does not fit beside the two

    def test_lines_stand_under_the_heading_of_their_episode(self, remember):
        memory = remember("bm25")
        memory.write("Day 1\nAnn: tea\nAnn: coffee\nAnn: more tea")
        memory.write("Day 2\nBob: tea")
        assert memory.read(keywords=["tea"]) == "Day 1\nAnn: tea\nAnn: more tea\nDay 2\nBob: tea"


@pytest.mark.parametrize("seed", ["lexical", "bm25", "neighbours", "hybrid_neighbours"])
@pytest.mark.parametrize(
    ("lines", "question", "wanted"),
    [
        (["林悦: 我的猫叫豆包，今年三岁。", "陈帆: 今天天气真不错。"], "林悦的猫叫什么名字？", "豆包"),
        (["ユイ: 猫の名前はミケです。", "ケン: 今日はいい天気ですね。"], "猫の名前は何ですか？", "ミケ"),
    ],
)
def test_scripts_without_spaces_are_found(remember, seed: str, lines: list[str], question: str, wanted: str):
    memory = remember(seed, budget_characters=600)
    filler = [f"{lines[1]} {n}" for n in range(200)]
    memory.write("\n".join(["2025-01-11", *filler, lines[0], *filler]))
    asked = {"keywords": [question]} if seed == "bm25" else {"question": question}
    assert wanted in memory.read(**asked)


class TestHyMem:
    TALK = "8 May\nAnn: I bought a red kayak.\nBob: Nice colour!\nAnn: It cost 900 euros."

    @pytest.fixture
    def kayak(self, remember):
        memory = remember("hymem", complex_below_similarity=0.05)
        memory.write(self.TALK, summary="Ann told Bob about her new kayak.")
        memory.write("9 May\nBob: I sold my tent.", summary="Bob sold his tent.")
        return memory

    def test_an_easy_question_is_answered_by_summaries_without_the_model(self, kayak):
        text = kayak.read("Who has a new kayak?", parts=["Who has a new kayak?"])
        assert text.startswith("8 May\nAnn told Bob about her new kayak.")
        assert "900" not in text
        assert kayak.asks() == []
        assert kayak.logs[-1] == "light tier"

    @pytest.mark.parametrize(
        ("question", "parts"),
        [
            ("Who has a new kayak?", ["Who has a kayak?", "Is it new?"]),
            ("How much did the new kayak cost?", ["How much did the new kayak cost?"]),
            ("What do both own?", []),
            ("zzz qqq", []),
        ],
    )
    def test_a_complex_one_wakes_the_deep_tier(self, kayak, question, parts):
        text = kayak.read(question, parts=parts, reply="no idea")
        assert "[8 May] Ann: It cost 900 euros." in text
        assert "Ann told Bob about her new kayak." in text
        assert len(kayak.asks()) == 1
        assert kayak.logs[-1] == "deep tier"

    def test_the_passages_that_the_model_uses_come_first(self, kayak):
        kayak.read("How much was it?", reply="")
        line = next(line for line in kayak.asks()[0].splitlines() if "Nice colour" in line)
        number = line.partition(". ")[0]
        text = kayak.read("How much was it?", reply=f"**USE:** {number}, 99\nMISSING: nothing")
        assert text.startswith("[8 May] Bob: Nice colour!")

    def test_what_is_missing_is_looked_up(self, remember):
        memory = remember("hymem", deep_passages=8, missing_passages=1)
        lines = [f"Ann: kayak tour number {n}" for n in range(30)]
        memory.write("\n".join(["8 May", *lines, "Bob: my tent is green"]), summary="Tours")
        for reply, first in (
            ("USE: 1\nMISSING: nothing.", False),
            ("USE: 1\nMISSING: colour of Bob's tent", True),
        ):
            second = memory.read("How many kayak tours?", reply=reply).split("\n")[1]
            assert ("tent is green" in second) is first


class TestBudgetMem:
    EASY: ClassVar = {"question": "Where is the kayak?", "facts": ["where the kayak is"]}
    HARD: ClassVar = {
        "question": "When did both Ann and Bob buy all of their boats?",
        "facts": ["Ann's boats", "Bob's boats", "dates"],
        "persons": ["Ann", "Bob"],
    }

    def write(self, memory):
        memory.write("8 May\nAnn: I bought a boat.\nBob: The kayak is in the shed.\nAnn: I bought a boat!")
        memory.write("9 June\nBob: I bought a boat too.\nBob: The raft is mine now.")

    def tiers(self, memory):
        return dict(pair.split("=") for pair in memory.logs[-1].split())

    def test_an_easy_question_gets_the_low_tiers_and_no_model(self, remember):
        memory = remember("budget_mem")
        self.write(memory)
        assert memory.read(**self.EASY).startswith("Bob: The kayak is in the shed. (8 May)")
        assert set(self.tiers(memory).values()) == {"low"}
        assert memory.asks() == []

    def test_a_hard_one_gets_the_high_tiers(self, remember):
        memory = remember("budget_mem")
        self.write(memory)
        text = memory.read(**self.HARD, reply="Bob: I bought a boat too. (9 June)\n***")
        expected = dict.fromkeys(("filter", "entities", "time", "topics", "summary"), "high")
        assert self.tiers(memory) == expected | {"time": "mid"}
        assert len(memory.asks()) == 1
        first, *rest = text.split("\n")
        assert first == "Bob: I bought a boat too. (9 June)"
        assert first not in rest
        assert "***" not in rest
        assert "Ann: I bought a boat. (8 May)" in rest

    def test_the_budget_shifts_the_tiers(self, remember):
        ranks = {"low": 0, "mid": 1, "high": 2}
        sums = []
        for budget in (0.0, 0.5, 1.0):
            memory = remember("budget_mem", budget=budget)
            self.write(memory)
            memory.read(**self.HARD, reply="")
            sums.append(sum(ranks[tier] for tier in self.tiers(memory).values()))
        assert sums[0] < sums[1] <= sums[2]

    def test_late_lines_win_where_the_question_asks_for_now(self, remember):
        memory = remember("budget_mem", budget=1.0)
        for n in range(6):
            memory.write(f"Day {n}\nBob: my address is street {n}")
        for question, first in (
            ("What is the address now?", "street 5"),
            ("What was the first address?", "street 0"),
        ):
            assert first in memory.read(question, facts=[question], reply="").split("\n")[0]

    def test_lines_of_episodes_on_the_topic_are_raised_and_of_those_like_them(self, remember):
        for weight, first in ((0.0, "Day 1"), (2.0, "Day 2")):
            memory = remember("budget_mem", topic_weight=weight, vectors_weight=0.0)
            lines = {"cooking": "high cost", "sailing boats": "cost me plenty", "sailing races": "no cost"}
            for day, (subject, line) in enumerate(lines.items(), 1):
                memory.write(f"Day {day}\nAnn: {line}", subject=subject)
            facts = ["cost", "sailing"]
            text = memory.read("How much did it cost, sailing boats?", facts=facts, reply="").split("\n")
            assert first in text[0]
            assert self.tiers(memory)["topics"] == "high"
        assert "Day 3" in text[1]

    def test_near_repetitions_are_left_out(self, remember):
        memory = remember("budget_mem")
        self.write(memory)
        text = memory.read("When did Ann buy a boat, a kayak?", facts=["a", "b"], reply="")
        assert self.tiers(memory)["summary"] != "low"
        assert text.count("Ann: I bought a boat") == 1


class TestMemSifter:
    @pytest.fixture
    def talk(self, remember):
        memory = remember("mem_sifter", segment_characters=150, budget_characters=600)
        for n in range(12):
            memory.write(
                f"Day {n}\nAnn: On this day {n} something happened in the town, as {'so ' * 20}often."
            )
        return memory

    def days(self, text):
        return [line.strip("[]") for line in text.split("\n") if line.startswith("[Day")]

    def test_the_ranking_decides_what_is_seen(self, talk):
        text = talk.read(
            "What happened?", reply="I need 3 and 4.\nRANKING: 1\nNo, better:\n**RANKING:** 7, 2, 11, 5"
        )
        assert set(self.days(text)) >= {"Day 7", "Day 2", "Day 11"}
        assert self.days(text) == sorted(self.days(text), key=lambda day: int(day.split()[1]))

    def test_numbers_that_were_not_shown_are_passed_over(self, talk):
        assert "Day 9" in self.days(talk.read("What happened?", reply="RANKING: 400, 9"))

    def test_a_reply_that_quotes_is_a_ranking_too(self, talk):
        assert "Day 8" in self.days(talk.read("?", reply="Ann: On this day 8 something happened in the town"))

    def test_without_a_ranking_shared_words_decide(self, talk):
        talk.write("Day 99\nBob: my kayak sank")
        assert "Day 99" in self.days(talk.read("Whose kayak sank?", reply="hm"))

    def test_nothing_is_asked_before_the_question_and_all_that_fits_is_shown_then(self, talk):
        assert talk.asks() == []
        talk.read("Whose kayak sank?", reply="")
        (prompt,) = talk.asks()
        assert prompt.count("\nMemory ") == 12
        assert prompt.endswith("Question: Whose kayak sank?")

    def test_the_prompt_is_bounded(self, remember):
        memory = remember("mem_sifter", prompt_characters=5_000)
        for n in range(80):
            memory.write(f"Day {n}\nAnn: {'blah ' * 70}{'kayak' if n == 40 else ''}")
        memory.read("kayak?", reply="")
        (prompt,) = memory.asks()
        assert len(prompt) < 6_000
        assert "[Day 40]" in prompt
