"""The generator: what it promises of its data, and the room between plain retrieval and a perfect one."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from datetime import datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

import pytest

from evolve import resources
from evolve.benchmark import Benchmark, find
from evolve.config import CampaignConfig, SandboxConfig
from evolve.errors import UsageError
from evolve.records import Episode, Task
from evolve.scoring import contains_passage, evidence_recall


@pytest.fixture(scope="module")
def chronicle() -> Benchmark:
    return find("chronicle").load()


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    path = resources.folder("benchmarks") / "performance" / "reference_scores.py"
    spec = spec_from_file_location("reference_scores", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tasks(benchmark: Benchmark) -> tuple[Task, ...]:
    return benchmark.validation + benchmark.test


def day_of(episode: Episode) -> datetime:
    heading = re.fullmatch(r"Session \d+, \d+:\d\d [ap]m on (\d+ \w+, \d{4})", episode.text.split("\n")[0])
    assert heading, episode.text[:60]
    return datetime.strptime(heading[1], "%d %B, %Y")


def test_it_has_questions_enough_of_every_category(chronicle: Benchmark) -> None:
    assert len(chronicle.validation) >= 200
    assert len(chronicle.test) >= 120
    for split, least in ((chronicle.validation, 20), (chronicle.test, 12)):
        counts = Counter(task.category for task in split)
        assert set(counts) == {"single-fact", "knowledge-update", "temporal", "counting", "multi-hop"}
        assert min(counts.values()) >= least
    assert not {t.group for t in chronicle.validation} & {t.group for t in chronicle.test}


def test_sessions_are_dated_dialogues_in_the_order_of_time(chronicle: Benchmark) -> None:
    last: dict[str, datetime] = {}
    for episode in chronicle.episodes:
        lines = episode.text.split("\n")[1:]
        assert 14 <= len(lines) <= 45
        assert all(re.match(r"[A-Z][a-z]+: \S", line) for line in lines)
        assert not re.search(r"[{}|]|\b[ABC]!?: ", episode.text)
        day = day_of(episode)
        assert episode.group not in last or day > last[episode.group]
        last[episode.group] = day


def test_evidence_stands_in_its_episode_as_one_line(chronicle: Benchmark) -> None:
    lines = {episode.id: episode.text.split("\n") for episode in chronicle.episodes}
    for task in tasks(chronicle):
        assert task.evidence
        assert all(lines[passage.episode].count(passage.text) == 1 for passage in task.evidence)


@pytest.mark.slow
def test_no_other_line_of_the_world_passes_for_the_evidence(chronicle: Benchmark) -> None:
    lines = [(e.group, line) for e in chronicle.episodes for line in e.text.split("\n")]
    for task in tasks(chronicle):
        for passage in task.evidence:
            look_alike = [
                line
                for group, line in lines
                if group == task.group and line != passage.text and contains_passage(line, passage.text)
            ]
            assert not look_alike, passage.text


def test_answers_stand_in_the_evidence_where_they_are_said_in_words(chronicle: Benchmark) -> None:
    for task in tasks(chronicle):
        said = " ".join(passage.text for passage in task.evidence).lower()
        if task.category in ("single-fact", "knowledge-update"):
            assert task.answers[0].lower() in said
        if task.category == "counting":
            assert task.answers[0] == str(len(task.evidence))


def test_dates_are_resolved_against_the_day_of_the_session(chronicle: Benchmark) -> None:
    days = {episode.id: day_of(episode) for episode in chronicle.episodes}
    back = {
        "yesterday": 1,
        "the day before yesterday": 2,
        "three days ago": 3,
        "a week ago": 7,
        "two weeks ago": 14,
    }
    seen = Counter()
    for task in tasks(chronicle):
        if task.category != "temporal":
            continue
        [passage] = task.evidence
        today, answer = days[passage.episode], datetime.strptime(task.answers[0], "%d %B %Y")
        assert datetime.strptime(task.answers[1], "%B %d, %Y") == answer
        if weekday := re.search(r"last (\w+day)", passage.text):
            assert f"{answer:%A}" == weekday[1]
            assert timedelta(days=1) <= today - answer <= timedelta(days=7)
            seen["last"] += 1
        else:
            phrase = max((p for p in back if p in passage.text), key=len)
            assert today - answer == timedelta(days=back[phrase])
            seen[phrase] += 1
    assert set(seen) == {*back, "last"}


def statements(state: dict, person: str, episodes: list[Episode]) -> list[str]:
    """The values of ``state`` that ``person`` states in marked turns, in the order of time."""
    values = "|".join(sorted(map(re.escape, state["values"]), key=len, reverse=True))
    marked = [
        part.removeprefix("A!: ")
        for exchange in (*state["say"], *state["change"], *state.get("back", ()))
        for part in exchange.split(" | ")
        if part.startswith("A!: ")
    ]
    said = re.compile("|".join(re.escape(turn).replace(r"\{v\}", f"({values})") for turn in marked), re.I)
    lines = [line for episode in episodes for line in episode.text.split("\n")]
    found = [match for line in lines if line.startswith(f"{person}: ") and (match := said.search(line))]
    return [next(value for value in match.groups() if value) for match in found]


def test_the_last_word_of_the_person_is_the_answer(chronicle: Benchmark) -> None:
    path = resources.folder("benchmarks") / "chronicle_material" / "states.toml"
    states = tomllib.loads(path.read_text(encoding="utf-8"))["state"]
    checked = Counter()
    for task in tasks(chronicle):
        if task.category not in ("single-fact", "knowledge-update"):
            continue
        person = task.evidence[0].text.split(":")[0]
        [state] = [s for s in states if task.question in [ask.format(A=person) for ask in s["ask"]]]
        said = statements(state, person, [e for e in chronicle.episodes if e.group == task.group])
        assert said[-1].lower() == task.answers[0].lower()
        assert (len(said) > 1) == (task.category == "knowledge-update")
        checked[len(said)] += 1
    assert set(checked) == {1, 2, 3}


def test_no_person_and_no_question_occurs_twice(chronicle: Benchmark) -> None:
    groups: dict[str, str] = {}
    for episode in chronicle.episodes:
        for line in episode.text.split("\n")[1:]:
            assert groups.setdefault(line.split(":")[0], episode.group) == episode.group
    questions = [(task.group, task.question) for task in tasks(chronicle)]
    assert len(set(questions)) == len(questions)


def test_the_seed_decides_everything_and_is_part_of_the_version(chronicle: Benchmark) -> None:
    assert find("chronicle").load() == chronicle
    other = find("chronicle").load(options={"seed": "1"})
    assert other.version != chronicle.version
    assert other.episodes != chronicle.episodes


@pytest.mark.parametrize(
    "options", [{"worlds": "2", "sessions": "8"}, {"worlds": "16"}, {"sessions": "60", "worlds": "3"}]
)
@pytest.mark.parametrize("seed", ["3", "4"])
def test_other_sizes_are_whole_too(options: dict[str, str], seed: str) -> None:
    made = find("chronicle").load(options=options | {"seed": seed})
    worlds = int(options.get("worlds", 10))
    assert len({episode.group for episode in made.episodes}) == worlds
    assert len(made.episodes) == worlds * int(options.get("sessions", 25))
    texts = {episode.id: episode.text for episode in made.episodes}
    assert all(passage.text in texts[passage.episode] for task in tasks(made) for passage in task.evidence)


def test_pooled_scope_keeps_the_tasks(chronicle: Benchmark) -> None:
    pooled = find("chronicle").load(options={"scope": "pooled"})
    assert pooled.scope == "pooled"
    assert tasks(pooled) == tasks(chronicle)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"worlds": "1"}, "worlds=1: expected 2 to 16"),
        ({"worlds": "17"}, "worlds=17: expected 2 to 16"),
        ({"sessions": "7"}, "sessions=7: expected 8 or more"),
        ({"scope": "both"}, "grouped or pooled"),
        ({"seed": "x"}, "seed"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find("chronicle").load(options=options)


def test_keyword_match_is_worth_something_and_leaves_room(
    chronicle: Benchmark, reference: ModuleType
) -> None:
    asked = chronicle.validation[::2]

    def recall(cut, ranker) -> float:
        found = reference.retrieve(chronicle, asked, cut, ranker)
        assert max(map(len, found)) <= reference.LIMIT
        return sum(map(evidence_recall, asked, found)) / len(asked)

    blind = recall(reference.turns, reference.latest)
    matched = recall(reference.chunks, reference.bm25)
    assert blind < 0.25
    assert 0.35 < matched < 0.65


@pytest.mark.slow
def test_the_table_has_a_perfect_reader_on_top(chronicle: Benchmark, reference: ModuleType) -> None:
    config = CampaignConfig(sandbox=SandboxConfig(backend="process"))
    table = reference.table(chronicle, chronicle.test[:12], config, by_category=True).splitlines()
    assert table[2].startswith("| a perfect reader | 1.000 [1.000, 1.000] |")
    assert len(table) == 3 + len(reference.ROWS) + len(reference.SEEDS)


def test_the_stream_asks_before_facts_change_and_after(chronicle: Benchmark) -> None:
    stream = find("chronicle").load(None, {"asked": "stream"})
    assert stream.episodes == chronicle.episodes
    assert stream.version == f"{chronicle.version}-stream"
    end = {task.id: task for task in tasks(chronicle)}
    places = {episode.id: place for place, episode in enumerate(stream.episodes)}
    early = Counter[str]()
    for task in tasks(stream):
        known = max(places[passage.episode] for passage in task.evidence)
        assert known <= places[task.after]
        assert task.after.startswith(f"{task.group}/")
        last = end[task.id if task.id in end else task.id.rpartition("-")[0]]
        if task.id in end:
            assert task.model_copy(update={"after": ""}) == last
            continue
        early[task.group] += 1
        assert task.category == "before-update"
        assert (task.question, last.category) == (last.question, "knowledge-update")
        assert places[task.after] < min(places[passage.episode] for passage in last.evidence)
    assert len(early) == 10
    assert {task.id for task in tasks(stream)} >= set(end)


def test_an_early_question_has_the_answer_of_its_moment() -> None:
    stream = find("chronicle").load(None, {"asked": "stream", "worlds": "4"})
    texts = {episode.id: episode.text for episode in stream.episodes}
    early = [task for task in tasks(stream) if task.category == "before-update"]
    changed = 0
    for task in early:
        assert all(contains_passage(texts[passage.episode], passage.text) for passage in task.evidence)
        last = next(other for other in tasks(stream) if task.id.startswith(f"{other.id}-"))
        changed += task.answers != last.answers
    assert changed > len(early) / 2  # some go back to their first value


def test_an_unknown_way_of_asking_is_refused() -> None:
    with pytest.raises(UsageError, match="expected end or stream"):
        find("chronicle").load(None, {"asked": "later"})
