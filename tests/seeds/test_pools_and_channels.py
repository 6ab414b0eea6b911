"""Memories that look in several ways at once: by channels whose ranks are fused, or in several pools."""

from __future__ import annotations

from typing import ClassVar

import pytest


class TestSuperLocalMemory:
    SILENT: ClassVar = dict.fromkeys(
        ("keyword", "entity", "temporal", "spreading", "consolidation", "associative"), 0.0
    )

    def test_what_is_old_fades_and_what_is_rehearsed_does_not(self, remember):
        only = {**self.SILENT, "strength_episodes": 2, "retention_floor": 0.0}
        old, new = "cy: the tower near Zagreb is closed (old)", "cy: the tower near Bergen is closed (new)"
        for rehearsed, first in ((False, new), (True, old)):
            memory = remember("super_local_memory", **only)
            memory.write(f"Day 1\n{old}")
            for n in range(4):
                memory.write(f"Day\nbo: back in {'Zagreb' if rehearsed else 'town'} again{n}")
            memory.write(f"Day 9\n{new}")
            for n in range(4):
                memory.write(f"Day\nbo: idle hour{n}")
            lines = memory.read("the tower is closed").split("\n")
            closed = [line for line in lines if "tower" in line]
            assert closed[0].startswith(first), rehearsed
        assert memory.asks() == []

    @pytest.mark.parametrize(
        ("channel", "question", "expected"),
        [
            ("keyword", {"question": "telescope"}, "bo: a telescope"),
            ("entity", {"question": "x", "entities": ["Zagreb"]}, "cy: we met in Zagreb"),
            ("temporal", {"question": "x", "dates": ["June 2023"]}, "di: second day"),
            ("consolidation", {"question": "stargazing hobby"}, "bo: a telescope"),
            ("associative", {"question": "a telescope"}, "bo: a telescope"),
            ("semantic", {"question": "a telescopic bow"}, "bo: a telescope"),
        ],
    )
    def test_each_channel_finds_by_itself(self, remember, channel, question, expected):
        silent = dict.fromkeys((*self.SILENT, "semantic"), 0.0) | {channel: 1.0}
        memory = remember("super_local_memory", **silent)
        memory.write("May 2023\nann: first day", summary="greetings")
        memory.write("June 2023\ndi: second day\ncy: we met in Zagreb", summary="a journey")
        memory.write("July 2023\nbo: a telescope", summary="stargazing hobby")
        assert memory.read(**question).startswith(expected)

    def test_activation_spreads_to_the_line_beside(self, remember):
        silent = dict.fromkeys((*self.SILENT, "semantic"), 0.0) | {"spreading": 1.0}
        memory = remember("super_local_memory", **silent)
        memory.write("Day 1\n" + "\n".join(f"bo: filler{n} filler{n}" for n in range(20)))
        memory.write("Day 2\nann: which telescope did you buy\nbo: the cheapest")
        lines = memory.read("which telescope did ann buy").split("\n")
        assert set(lines[:2]) == {"ann: which telescope did you buy (Day 2)", "bo: the cheapest (Day 2)"}

    def test_activation_spreads_over_shared_names(self, remember):
        silent = dict.fromkeys((*self.SILENT, "semantic"), 0.0) | {"spreading": 1.0}
        memory = remember("super_local_memory", **silent)
        for n in range(9):
            memory.write(f"Day\ncy: nothing{n} at{n} all{n}")
        memory.write("Day 1\nann: my telescope is with Zora")
        memory.write("Day 2\nbo: yesterday Zora left")
        lines = memory.read("my telescope").split("\n")
        assert set(lines[:2]) == {"ann: my telescope is with Zora (Day 1)", "bo: yesterday Zora left (Day 2)"}


class TestAgentRunbook:
    @pytest.fixture
    def runbook(self, remember):
        memory = remember("agent_runbook", state_characters=40)
        memory.write(
            "Page 7\nThe button says Save draft.\nThe banner is yellow.",
            events=["Saving turned the banner green."],
            procedure_notes=["Reload before saving."],
            hint_notes=["Save is below the fold."],
        )
        return memory

    def test_each_pool_is_searched_by_its_own_query(self, runbook):
        runbook.write(
            "Page 8\nThe menu has 4 entries.",
            events=["Logout emptied the cart."],
            procedure_notes=["To leave, log out at the end."],
            hint_notes=["Never log out midway."],
        )
        text = runbook.read(state_queries=["menu entries"], event_query="banner green", note_query="log out")
        procedures, hints, events, states = text.split("\n\n")
        assert procedures.startswith("Procedures:\n[Page 8] To leave, log out at the end.")
        assert hints.startswith("Hints:\n[Page 8] Never log out midway.")
        assert events.startswith("Events:\n[Page 7] Saving turned the banner green.")
        assert states.startswith("States:\n[Page 8] The menu has 4 entries.")
        assert runbook.asks() == []

    def test_a_state_comes_with_its_neighbours_and_each_only_once(self, remember):
        rows = [
            f"Row {n} of this table says {word}."
            for n, word in enumerate(("abc", "def", "ghi", "jkl", "mno"))
        ]
        for radius in (0, 1):
            memory = remember("agent_runbook", state_characters=40, radius=radius)
            memory.write("\n".join(["Page", *rows]))
            memory.write("\n".join(["Other", "Quite another thing."]))
            text = memory.read(state_queries=["table ghi"], event_query="", note_query="")
            first = text.split("\n[")[1]
            shown = rows[1:4] if radius else rows[2:3]
            assert first.split("\n") == [f"Page] {shown[0]}", *shown[1:]] or radius == 1
            assert set(shown) <= {line.split("] ")[-1] for line in text.split("\n")}
            assert all(text.count(row) == 1 for row in rows)

    def test_each_query_for_states_has_its_part_and_five_are_asked(self, remember):
        memory = remember("agent_runbook", state_characters=60, radius=0, states_share=1.0)
        things = ("pump", "valve", "gauge", "boiler", "tank", "fan")
        for thing in things:
            memory.write("Plan\n" + "\n".join(f"The {thing} number {n} is somewhere." for n in range(60)))
        text = memory.read(state_queries=[*things], event_query="", note_query="")
        counts = [text.count(f"The {thing}") for thing in things]
        assert min(counts[:5]) >= 8
        assert max(counts[:5]) - min(counts[:5]) <= 2
        assert counts[5] == 0

    def test_a_pool_that_is_not_asked_returns_nothing(self, runbook):
        text = runbook.read(state_queries=["banner"], event_query="", note_query="")
        assert text == "States:\n[Page 7] The button says Save draft.\nThe banner is yellow."

    def test_what_narrow_pools_leave_goes_to_the_states(self, remember):
        memory = remember("agent_runbook")
        memory.write(
            "Page\n" + "\n".join(f"Row {n} of the long table." for n in range(300)),
            events=["A row was added."],
        )
        assert len(memory.read("row of the table", state_queries=["row of the table"])) > 2_600


@pytest.mark.parametrize("seed", ["budget_mem", "mem_sifter", "super_local_memory"])
def test_published_designs_match_scripts_without_spaces_too(remember, seed: str):
    silent = {**TestSuperLocalMemory.SILENT, "semantic": 0.0, "keyword": 1.0}
    memory = remember(seed, **(silent if seed == "super_local_memory" else {}))
    filler = [f"陈帆: 今天天气真不错 {n}。" for n in range(300)]
    memory.write("\n".join(["2025-01-11", *filler, "林悦: 我的猫叫豆包，今年三岁。", *filler]))
    assert "豆包" in memory.read("林悦的猫叫什么名字？", reply="I cannot say.")
