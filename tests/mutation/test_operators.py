from __future__ import annotations

import random

import pytest

from evolve.mutation import MutationContext
from evolve.mutation.offline.failure_analysis import Cue
from evolve.mutation.offline.operators import Edit, operators, weights
from evolve.program import MemoryProgram
from evolve.program.cutting import steps
from evolve.program.source import Source
from evolve.program.splicing import SpliceError
from tests.program.hosts import memory_of

OPERATORS = {operator.name: operator for operator in operators()}
RETRIEVING = ("hybrid", "lexical", "vector_search")
FRAGMENTS = [name for name in OPERATORS if name not in ("knobs", "drop_step", "crossover", "keep_passages")]


@pytest.fixture
def context(context_of):
    return context_of()


def apply(name: str, source: str, context: MutationContext, rng: int = 0) -> Edit | None:
    return OPERATORS[name].apply(source, context, random.Random(rng))


def applied(name: str, source: str, context: MutationContext, rng: int = 0) -> Edit:
    edit = apply(name, source, context, rng)
    assert edit is not None
    return edit


def test_names_are_unique():
    assert len({operator.name for operator in operators()}) == len(operators())


@pytest.mark.parametrize("name", FRAGMENTS)
@pytest.mark.parametrize("seed", ["experience_learner", "llm_summarizer"])
def test_fragments_need_a_program_of_passages(seeds, context, name, seed):
    assert apply(name, seeds[seed], context) is None


@pytest.mark.parametrize("name", FRAGMENTS)
@pytest.mark.parametrize("seed", RETRIEVING)
def test_fragments_apply_once(seeds, context, run, name, seed):
    edit = apply(name, seeds[seed], context)
    if edit is None:  # the seed has the step by itself
        assert name.removeprefix("add_") in seed or f"_{name}" in Source(seeds[seed]).methods
        return
    program = MemoryProgram(edit.source)
    assert program.problems == ()
    assert program.fingerprint != MemoryProgram(seeds[seed]).fingerprint
    assert edit.message.endswith(".")
    run(edit.source)
    assert apply(name, edit.source, context) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Ann: hello", {"Ann"}),
        ("Ann Lee: hello", {"Ann", "Lee"}),
        ("Dr. Ann van Lee: hello", {"Dr", "Ann", "van", "Lee"}),
        ("We met at 9:30, she said", set()),
    ],
)
def test_a_speaker_may_have_a_name_of_several_words(seeds, context, line: str, expected: set[str]):
    memory = memory_of(applied("favour_speaker", seeds["lexical"], context).source)
    memory.passages = [{"number": 0, "episode": 0, "heading": "", "text": line}]
    assert memory._speakers(memory.passages[0]["text"]) == expected


def test_stems_are_of_words_in_any_script(seeds, context):
    memory = memory_of(applied("add_word_stems", seeds["lexical"], context).source)
    assert memory._stems("The gardens, 蓝色 Überraschung") == {"garde", "蓝色", "überr"}


@pytest.mark.parametrize(("name", "seed"), [("add_words", "vector_search"), ("add_vectors", "lexical")])
def test_a_signal_is_added_to_the_program_that_lacks_it(seeds, context, name, seed):
    assert list(steps(applied(name, seeds[seed], context).source)) != list(steps(seeds[seed]))
    assert apply(name, seeds["hybrid"], context) is None


@pytest.mark.parametrize("name", [n for n in FRAGMENTS if not n.startswith(("split_", "pack_"))])
def test_what_was_added_can_be_dropped_without_trace(seeds, context, name):
    """But for a field of Query, which another step may have come to use."""
    edit = apply(name, seeds["lexical"], context)
    if edit is None:
        return
    for rng in range(20):
        dropped = applied("drop_step", edit.source, context, rng).source
        if list(steps(dropped)) == list(steps(seeds["lexical"])):
            query = Source(dropped).fields("Query")
            if "people" in query:
                dropped = Source(dropped).without(query["people"])
            assert dropped == seeds["lexical"]
            return
    pytest.fail("the step was never drawn")


@pytest.mark.parametrize("seed", ["experience_learner", "llm_summarizer"])
def test_keep_passages_makes_a_program_retrieve(seeds, context, run, seed):
    edit = applied("keep_passages", seeds[seed], context)
    assert {"_keep", "_split", "_index", "_fuse", "_pack"} <= set(Source(edit.source).methods)
    assert "Bob: No, I prefer red wine." in run(edit.source)
    assert apply("keep_passages", edit.source, context) is None


@pytest.mark.parametrize("style", ["entity_ledger", "chroma_notes", "sql_timeline"])
def test_keep_passages_copes_with_programs_of_others(styles, context, run, style):
    edit = applied("keep_passages", styles[style], context)
    assert MemoryProgram(edit.source).problems == ()
    assert "Bob: No, I prefer red wine." in run(edit.source)


@pytest.mark.parametrize("seed", RETRIEVING)
def test_keep_passages_leaves_programs_of_passages_alone(seeds, context, seed):
    assert apply("keep_passages", seeds[seed], context) is None


def test_a_clash_of_tables_is_refused(seeds, context):
    text = seeds["llm_summarizer"].replace(
        "self.texts = []", 'self.texts = []\n        toolkit.db.execute("CREATE TABLE words (w)")'
    )
    with pytest.raises(SpliceError, match="words"):
        apply("keep_passages", text, context)


def test_knobs_stay_in_bounds_and_types(seeds, context):
    before = MemoryProgram(seeds["hybrid"]).parts.knobs
    changed = set()
    for rng in range(50):
        edit = apply("knobs", seeds["hybrid"], context, rng)
        if edit is None:
            continue
        after = MemoryProgram(edit.source).parts.knobs
        moved = {name for name in before if after[name] != before[name]}
        changed |= moved
        assert 1 <= len(moved) <= 3
        assert all(f"{name} " in edit.message for name in moved)
        assert all((after[n].low, after[n].high) == (before[n].low, before[n].high) for n in before)
        assert all(after[n].integer == before[n].integer for n in before)
    assert changed == set(before)


def test_knobs_of_small_ranges_move_too(host, context):
    text = host.replace('"size": (3, 1, 9)', '"size": (3e-05, 1e-05, 9e-05)')
    values = {
        MemoryProgram(e.source).parts.knobs["size"].default
        for r in range(20)
        if (e := apply("knobs", text, context, r))
    }
    assert len(values) > 5
    assert all(1e-05 <= value <= 9e-05 for value in values)


def test_a_program_without_knobs(host, context):
    bare = host.replace('KNOBS = {\n    "size": (3, 1, 9),\n}\n', "").replace('knob("size")', "3")
    assert apply("knobs", bare, context) is None


def test_drop_step_keeps_one_that_finds(seeds, context):
    assert apply("drop_step", seeds["lexical"], context) is None
    assert apply("drop_step", seeds["experience_learner"], context) is None
    left = {tuple(steps(applied("drop_step", seeds["hybrid"], context, rng).source)) for rng in range(20)}
    assert left == {("_add_words",), ("_add_vectors",)}


def test_dropping_takes_the_index_along(seeds, context):
    for rng in range(20):
        source = applied("drop_step", seeds["hybrid"], context, rng).source
        assert ("fts5" in source) == ("_add_words" in source)
        assert ("toolkit.vectors" in source) == ("_add_vectors" in source)
        assert ("vectors_weight" in source) == ("_add_vectors" in source)


def test_crossover(seeds, context_of, run):
    context = context_of(partner=seeds["vector_search"])
    taken = {applied("crossover", seeds["lexical"], context, rng).message for rng in range(20)}
    assert taken == {"Take “add vectors” from candidate #4.", "Take “pack” from candidate #4."}
    for rng in range(4):
        edit = applied("crossover", seeds["lexical"], context, rng)
        assert MemoryProgram(edit.source).problems == ()
        run(edit.source)


@pytest.mark.parametrize("partner", [None, "lexical", "llm_summarizer"])
def test_crossover_has_nothing_to_take(seeds, context_of, partner):
    context = context_of(partner=seeds[partner] if partner else None)
    assert apply("crossover", seeds["lexical"], context) is None


def test_crossover_between_different_kinds(seeds, context_of):
    assert apply("crossover", seeds["experience_learner"], context_of(partner=seeds["lexical"])) is None


def test_weights_without_a_diagnosis_are_even():
    assert weights(None, operators()) == [1.0] * len(operators())


def test_weights_with_a_diagnosis_are_priors_and_cues():
    none = dict.fromkeys(Cue, 0.0)
    assert weights(none, operators()) == [operator.prior for operator in operators()]
    given = weights({**none, Cue.ADJACENT: 0.5}, operators())
    for operator, weight in zip(operators(), given, strict=True):
        assert weight == pytest.approx(operator.prior + 0.5 * operator.cues.get(Cue.ADJACENT, 0.0))


@pytest.mark.parametrize("cue", list(Cue))
def test_every_cue_speaks_for_an_operator(cue):
    assert any(cue in operator.cues for operator in operators())


def test_every_operator_can_be_drawn():
    assert all(operator.prior > 0 for operator in operators())
