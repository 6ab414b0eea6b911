from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from evolve.agents.rules import RuleBasedAgent
from evolve.evaluation import ExtractionCache
from evolve.program import FieldSpec, Parts
from evolve.records import Episode, Task

EPISODES = [Episode(id=str(i), text=f"Ann saw {i} boats.") for i in range(5)]


def parts(name: str = "summary", query: str = "q") -> Parts:
    return Parts(item=(FieldSpec(name, "str"),), query=(FieldSpec(query, "str"),))


def test_only_new_episodes_are_extracted_and_the_order_is_kept():
    extraction_cache = ExtractionCache()
    extraction_cache.extract(RuleBasedAgent(), parts(), EPISODES[1:3])
    assert len(extraction_cache) == 2
    extractions = extraction_cache.extract(RuleBasedAgent(), parts(), EPISODES[::-1])
    assert [e.fields["summary"] for e in extractions] == [episode.text for episode in EPISODES[::-1]]
    assert len(extraction_cache) == 5


def test_the_schema_of_the_item_decides_and_that_of_the_query_does_not():
    extraction_cache = ExtractionCache()
    extraction_cache.extract(RuleBasedAgent(), parts(), EPISODES)
    extraction_cache.extract(RuleBasedAgent(), parts(query="other"), EPISODES)
    assert len(extraction_cache) == 5
    extraction_cache.extract(RuleBasedAgent(), parts("person"), EPISODES)
    assert len(extraction_cache) == 10


def test_an_episode_of_the_same_id_with_another_text_is_another_one():
    extraction_cache = ExtractionCache()
    extraction_cache.extract(RuleBasedAgent(), parts(), EPISODES[:1])
    changed = extraction_cache.extract(RuleBasedAgent(), parts(), [Episode(id="0", text="Bob slept.")])
    assert changed[0].fields == {"summary": "Bob slept."}


def test_threads_may_share_it():
    extraction_cache = ExtractionCache()
    with ThreadPoolExecutor(8) as pool:
        runs = list(
            pool.map(lambda _: extraction_cache.extract(RuleBasedAgent(), parts(), EPISODES), range(40))
        )
    assert all(run == runs[0] for run in runs)
    assert len(extraction_cache) == 5


def test_queries_are_remembered_by_their_own_schema_and_instruction():
    extraction_cache, tasks = (
        ExtractionCache(),
        [Task(id=str(i), question=f"What of {i}?", answers=("x",)) for i in range(3)],
    )
    extraction_cache.formulate(RuleBasedAgent(), parts(), tasks[:2])
    formulated = extraction_cache.formulate(RuleBasedAgent(), parts(name="other"), tasks[::-1])
    assert len(extraction_cache) == 3
    assert formulated == RuleBasedAgent().formulate(parts(), tasks[::-1])
    extraction_cache.formulate(RuleBasedAgent(), parts(query="other"), tasks)
    assert len(extraction_cache) == 6
    extraction_cache.formulate(RuleBasedAgent(), parts(), tasks, repeat=1)
    assert len(extraction_cache) == 9


def test_an_item_is_never_taken_for_a_query():
    same = Parts(item=(FieldSpec("text", "str"),), query=(FieldSpec("text", "str"),))
    extraction_cache = ExtractionCache()
    extraction_cache.extract(RuleBasedAgent(), same, [Episode(id="0", text="Ann saw 1 boat.")])
    extraction_cache.formulate(
        RuleBasedAgent(), same, [Task(id="0", question="Ann saw 1 boat.", answers=("x",))]
    )
    assert len(extraction_cache) == 2
