from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from evolve.agents.offline import OfflineAgent
from evolve.evaluation import Memo
from evolve.program import FieldSpec, Parts
from evolve.records import Episode

EPISODES = [Episode(id=str(i), text=f"Ann saw {i} boats.") for i in range(5)]


def parts(name: str = "summary", query: str = "q") -> Parts:
    return Parts(item=(FieldSpec(name, "str"),), query=(FieldSpec(query, "str"),))


def test_only_new_episodes_are_extracted_and_the_order_is_kept():
    memo = Memo()
    memo.extract(OfflineAgent(), parts(), EPISODES[1:3])
    assert len(memo) == 2
    extractions = memo.extract(OfflineAgent(), parts(), EPISODES[::-1])
    assert [e.fields["summary"] for e in extractions] == [episode.text for episode in EPISODES[::-1]]
    assert len(memo) == 5


def test_the_schema_of_the_item_decides_and_that_of_the_query_does_not():
    memo = Memo()
    memo.extract(OfflineAgent(), parts(), EPISODES)
    memo.extract(OfflineAgent(), parts(query="other"), EPISODES)
    assert len(memo) == 5
    memo.extract(OfflineAgent(), parts("person"), EPISODES)
    assert len(memo) == 10


def test_an_episode_of_the_same_id_with_another_text_is_another_one():
    memo = Memo()
    memo.extract(OfflineAgent(), parts(), EPISODES[:1])
    changed = memo.extract(OfflineAgent(), parts(), [Episode(id="0", text="Bob slept.")])
    assert changed[0].fields == {"summary": "Bob slept."}


def test_threads_may_share_it():
    memo = Memo()
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: memo.extract(OfflineAgent(), parts(), EPISODES), range(40)))
    assert all(run == runs[0] for run in runs)
    assert len(memo) == 5
