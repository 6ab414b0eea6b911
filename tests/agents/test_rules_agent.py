from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.agents.protocol import Judge, Recollection, TaskAgent
from evolve.agents.rules import RuleBasedAgent, RuleBasedJudge
from evolve.agents.rules.answering import UNKNOWN, answer
from evolve.agents.rules.extraction import (
    DEFAULT_SIZE,
    GIST_CHARACTERS,
    KEYWORDS,
    FieldSource,
    fill,
    names,
    question_kind,
    speakers,
    without_speaker,
)
from evolve.models.tokens import estimate_tokens
from evolve.program import FieldSpec, Parts
from evolve.records import Criterion, Episode, Evidence, Task

SESSION = """[1:56 pm on 8 May, 2023]
Caroline: Hey Melanie! I went to a support group in Boston yesterday.
Melanie: Lovely. I painted 3 sunrises with Tom Baker.
Caroline: We will meet again."""
PARTS = Parts(
    instructions={
        "INSTRUCTION_KNOWLEDGE_ITEM": "x" * 40,
        "INSTRUCTION_QUERY": "y" * 20,
        "INSTRUCTION_RESPONSE": "z" * 8,
    },
    item=(FieldSpec("summary", "str"),),
    query=(FieldSpec("query", "str"),),
)


def filled(
    name: str, kind: str, text: str, *, asked: bool = False, description: str = "", required: bool = True
):
    return fill([FieldSpec(name, kind, description, required)], FieldSource(text, asked)).get(name, "absent")


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("people", "list[str]", ["Caroline", "Melanie"]),
        ("speakers", "str", "Caroline, Melanie"),
        ("entities", "list[str]", ["Caroline", "Melanie", "Boston", "Tom Baker"]),
        ("session_date", "str", "8 May, 2023"),
        ("timestamp", "Optional[str]", "8 May, 2023"),
        ("locations", "list[str]", ["Boston"]),
        ("mentions_people", "bool", True),
        ("priority", "int", 0),
        ("amounts", "list[int]", [1, 56, 8, 2023, 3]),
    ],
)
def test_item_fields_are_filled_by_their_names(name, kind, expected):
    assert filled(name, kind, SESSION) == expected


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("query", "str", "Where did Caroline go in June 2022?"),
        ("whatever", "str", "Where did Caroline go in June 2022?"),
        ("keywords", "list[str]", ["caroline", "go", "june", "2022"]),
        ("person", "Optional[str]", "Caroline"),
        ("dates", "list[str]", ["June 2022"]),
        ("question_type", "str", "where"),
        ("mentions_place", "bool", False),
        ("about_time", "bool", True),
        ("top_k", "int", DEFAULT_SIZE),
    ],
)
def test_query_fields_are_filled_by_their_names(name, kind, expected):
    assert filled(name, kind, "Where did Caroline go in June 2022?", asked=True) == expected


def test_the_description_decides_where_the_name_says_nothing():
    assert (
        filled("x", "str", SESSION, description="Who speaks: names of the participants")
        == "Caroline, Melanie"
    )
    assert filled("x", "int", SESSION, description="importance, 1 to 9") == 5


@pytest.mark.parametrize(
    ("kind", "expected"), [("Optional[str]", None), ("str", ""), ("list[str]", []), ("str | None", None)]
)
def test_what_is_not_found_is_empty_in_its_type(kind, expected):
    assert filled("date", kind, "No day is named here.") == expected


def test_a_field_with_a_default_is_left_to_it_where_nothing_is_found():
    assert filled("date", "str", "No day is named here.", required=False) == "absent"
    assert filled("top_k", "int", "Where is 5?", asked=True, required=False) == "absent"


TYPES = {"str": str, "int": int, "float": float, "bool": bool, "list[str]": list, "list[int]": list}


@given(
    st.sampled_from(
        ["summary", "people", "date", "top_k", "keywords", "title", "count", "place", "flag", "kind"]
    ),
    st.sampled_from(sorted(TYPES)),
    st.text(max_size=300),
    st.booleans(),
)
def test_every_value_has_the_type_of_its_field(name, kind, text, asked):
    value = filled(name, kind, text, asked=asked)
    assert type(value) is TYPES[kind]


def test_the_gist_of_a_long_episode_is_bounded_and_in_order():
    lines = [f"Ann: In {1900 + i} I met Person{i} at the river with a very long boat." for i in range(100)]
    source = FieldSource("\n".join(lines))
    assert len("\n".join(source.gist)) <= GIST_CHARACTERS
    assert source.gist == sorted(source.gist, key=lines.index)
    assert len(source.keywords) <= KEYWORDS


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When did she go?", "when"),
        ("In which year was it?", "when"),
        ("At what time does it start?", "clock"),
        ("Who is it?", "who"),
        ("How many dogs?", "count"),
        ("How long did it take?", "duration"),
        ("Which city is it?", "where"),
        ("Did she go?", "confirm"),
        ("What did she do?", "what"),
    ],
)
def test_kinds_of_questions(question, kind):
    assert question_kind(question) == kind


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("When did Caroline go to the support group?", "7 May 2023"),
        ("Where is the support group of Caroline?", "Boston"),
        ("How many sunrises did Melanie paint?", "3"),
        ("Who painted sunrises with Melanie?", "Tom Baker"),
        ("Did Melanie paint sunrises?", "yes"),
        ("What became of the zebra?", UNKNOWN),
    ],
)
def test_answers_are_spans_of_the_best_line(question, expected):
    assert answer(question, SESSION) == expected


def test_the_rarer_word_decides_between_lines():
    text = "Ann likes tea.\nAnn likes jazz.\nAnn likes tea and milk.\nAnn has a boat called Maribel."
    assert answer("What boat has Ann?", text) == "called Maribel"


def test_a_line_that_asks_seldom_answers():
    text = "Bob: When does the swimming class of Ann start?\nAnn: My class? It will start at 6:30 pm."
    assert answer("At what time does the class of Ann start?", text) == "6:30 pm"


@given(st.text(max_size=200), st.text(max_size=400))
def test_there_is_an_answer_to_anything(question, text):
    assert answer(question, text)


def test_names_leave_out_sentence_beginnings_months_and_labels():
    assert names("Yesterday I met Ann Lee in May. Then Bob came.\nDate: today") == ["Ann Lee"]
    assert speakers("Bob: hi\nAnn: ho\nAnn: hum\nDate: now") == ["Ann", "Bob"]
    assert without_speaker("[8 May] Ann: Look: a cat") == "Look: a cat"


def test_the_agent_reads_nothing_gold_and_is_deterministic():
    agent = RuleBasedAgent()
    plain = Task(id="t", question="Where is Ann?", answers=("Rome",))
    other = plain.model_copy(
        update={"answers": ("Oslo",), "evidence": (Evidence(episode="e", text="Ann: Oslo"),)}
    )
    retrieved = "Ann: I am in Rome."
    assert agent.formulate(PARTS, [plain]) == agent.formulate(PARTS, [other])
    first, second = agent.respond(PARTS, [Recollection(task, {}, retrieved) for task in (plain, other)])
    assert first == second
    assert first.text == "Rome"


def test_always_on_knowledge_can_hold_the_answer():
    parts = Parts(always_on="Ann lives in Rome.")
    task = Task(id="t", question="Where does Ann live?", answers=("Rome",))
    assert RuleBasedAgent().respond(parts, [Recollection(task, {}, "")])[0].text == "Rome"


def test_usage_is_estimated_from_what_a_model_would_have_read_and_written():
    agent = RuleBasedAgent()
    extraction = agent.extract(PARTS, [Episode(id="e", text="Ann: hello.")])[0]
    assert extraction.fields == {"summary": "Ann: hello."}
    schema = "\nsummary: str "
    assert extraction.usage.calls == 1
    assert extraction.usage.tokens_in == estimate_tokens("x" * 40 + schema) + estimate_tokens("Ann: hello.")
    assert extraction.usage.tokens_out == estimate_tokens('{"summary": "Ann: hello."}')
    task = Task(id="t", question="Where is Ann now?", answers=("Rome",))
    response = agent.respond(PARTS, [Recollection(task, {}, "Ann is in Rome.")])[0]
    assert response.usage.tokens_in == 2 + estimate_tokens("Ann is in Rome.\n") + estimate_tokens(
        task.question
    )
    assert response.usage.tokens_out == estimate_tokens("Rome")


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("Rome", 1.0),
        ("It is in Rome, I think, not far from the sea", 1.0),
        ("Romeo", 0.0),
        ("", 0.0),
        ("the town", 0.0),
    ],
)
def test_the_judge_accepts_what_shares_enough_words(text, grade):
    task = Task(id="t", question="?", answers=("Rome", "the eternal city"))
    (found,) = RuleBasedJudge().grade([task], [text], repeat=1)
    assert found.score == grade
    assert found.reason


def test_the_judge_marks_a_rubric_by_the_words_of_its_criteria():
    rubric = (
        Criterion(text="Names aspirin as the remedy", points=3),
        Criterion(text="Warns of bleeding", points=1),
        Criterion(text="Prescribes antibiotics", points=-2),
    )
    task = Task(id="t", question="?", rubric=rubric)
    good, bad, nothing = RuleBasedJudge().grade(
        [task] * 3, ["Aspirin is the remedy.", "A remedy? Aspirin. I prescribe antibiotics.", ""]
    )
    assert (good.score, good.met) == (0.75, (True, False, False))
    assert (bad.score, bad.met) == (0.25, (True, False, True))
    assert (nothing.score, nothing.met) == (0.0, (False, False, False))


def test_they_are_what_the_protocols_ask_for():
    agent: TaskAgent = RuleBasedAgent()
    judge: Judge = RuleBasedJudge(threshold=0.7)
    assert agent.identity == "offline-agent-4"
    assert judge.identity == "offline-judge-1/0.7"


@pytest.mark.parametrize(
    ("scorer", "text", "verdict", "score"),
    [
        ("halumem_qa", "He sold his canoe.", "correct", 1),
        ("halumem_qa", "unknown", "omission", 0),
        ("halumem_qa", "A bicycle perhaps.", "hallucination", 0),
        ("halumem_update", "sold canoe", "correct", 1),
        ("halumem_update", "the canoe", "other", 0),
        ("halumem_update", "a bicycle", "omission", 0),
        ("halumem_integrity", "sold the canoe", "complete", 1),
        ("halumem_integrity", "a canoe", "partial", 0),
        ("halumem_interference", "nothing", "missing", 1),
    ],
)
def test_verdicts_by_shared_words(scorer: str, text: str, verdict: str, score: float) -> None:
    task = Task(id="v", question="?", answers=("sold canoe",), scorer=scorer)
    if scorer == "halumem_qa":
        task = task.model_copy(update={"answers": ("sold his canoe",)})
    (grade,) = RuleBasedJudge().grade([task], [text])
    assert (grade.verdict, grade.score) == (verdict, score)
