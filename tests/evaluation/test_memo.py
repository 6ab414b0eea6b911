from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from evolve.agents.offline import OfflineAgent
from evolve.evaluation import Memo
from evolve.program import FieldSpec, Parts
from evolve.records import Episode, Task

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


def test_queries_are_remembered_by_their_own_schema_and_instruction():
    memo, tasks = Memo(), [Task(id=str(i), question=f"What of {i}?", answers=("x",)) for i in range(3)]
    memo.formulate(OfflineAgent(), parts(), tasks[:2])
    formulated = memo.formulate(OfflineAgent(), parts(name="other"), tasks[::-1])
    assert len(memo) == 3
    assert formulated == OfflineAgent().formulate(parts(), tasks[::-1])
    memo.formulate(OfflineAgent(), parts(query="other"), tasks)
    assert len(memo) == 6
    memo.formulate(OfflineAgent(), parts(), tasks, repeat=1)
    assert len(memo) == 9


def test_an_item_is_never_taken_for_a_query():
    same = Parts(item=(FieldSpec("text", "str"),), query=(FieldSpec("text", "str"),))
    memo = Memo()
    memo.extract(OfflineAgent(), same, [Episode(id="0", text="Ann saw 1 boat.")])
    memo.formulate(OfflineAgent(), same, [Task(id="0", question="Ann saw 1 boat.", answers=("x",))])
    assert len(memo) == 2
