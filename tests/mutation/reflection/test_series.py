"""A series of attempts with a compact prompt: fresh draws, what they are told, what is recorded."""

from __future__ import annotations

import random
from dataclasses import replace
from importlib.resources import files

import pytest

from evolve.errors import ModelError, UsageError
from evolve.models.tokens import estimate_tokens
from evolve.mutation import Feedback, NoCandidate, Proposal
from evolve.mutation.reflection import ReflectionMutator
from evolve.mutation.reflection.compact import COMPACT_TOKENS, opening_of
from evolve.mutation.reflection.context import TEXTS, texts_of
from evolve.mutation.reflection.requests import Retrying, Sampling
from evolve.mutation.reflection.vetting import NoEffect, Worse
from evolve.records import Became, Failure, ItemResult, Stage, Try, TryKind

TEXTS_FOLDER = files("evolve.mutation.reflection") / "prompts"


def definitions(size: int) -> str:
    return (
        "MESSAGE: Return more.\n```python\ndef read(self, query):\n"
        f"    scores = self._add_a(query.question, {{}})\n    return str(scores)[:{size}]\n```"
    )


UNDEFINED = "MESSAGE: x\n```python\ndef read(self, query):\n    return str(scores)[:9]\n```"


def always(kind) -> Retrying:
    return Retrying(kind, window=1, prefers="draw")


def compact(model, **settings) -> ReflectionMutator:
    given = {"try_out": lambda program: None, "retrying": always("draw"), "failures_shown": 1, **settings}
    return ReflectionMutator(model, style="compact", **given)


def item(task: str, **values) -> ItemResult:
    base = {
        "score": 0.0,
        "metrics": {},
        "query": {},
        "retrieved": f"text of {task}",
        "answer": "",
        "seconds": 0.0,
    }
    return ItemResult(task=task, **{**base, **values})


def three_failures(context_of):
    context = context_of(retrieved="text of t0", others=(item("t1"), item("t2")))
    tasks = {
        name: task.model_copy(update={"question": f"Question of {name}?"})
        for name, task in context.tasks.items()
    }
    return replace(context, tasks=tasks)


def test_definitions_make_a_child(chat, context_of):
    model = chat(definitions(900))
    child = compact(model).mutate(context_of(), random.Random(1))
    assert isinstance(child, Proposal)
    assert "[:900]" in child.program.source
    assert "self._index(re.findall" in child.program.source
    assert child.tries == (Try(kind="draw", form="definitions", became="valid"),)


def test_the_form_is_shown_by_a_method_of_the_program(chat, context_of, seeds):
    model = chat(definitions(900))
    compact(model).mutate(context_of(seeds["hybrid"]), random.Random(1))
    asked = model.requests[0].messages[1]["content"]
    form = asked[asked.index("as in this example") :]
    assert "```python\ndef _" in form
    assert "def read(" not in form


def test_a_compact_prompt_holds_what_matters_within_its_bound(chat, context_of, seeds):
    model = chat(definitions(900))
    context = context_of(seeds["hybrid"], retrieved="came back " * 400, stage=Stage.NOT_RETRIEVED)
    compact(model, repairs=0).mutate(context, random.Random(1))
    (request,) = model.requests
    text = "\n".join(message["content"] for message in request.messages)
    assert sum(estimate_tokens(message["content"]) for message in request.messages) <= COMPACT_TOKENS
    for part in (
        "at most 3,000 characters",
        "def _pack(self, scores)",
        "0.500",
        "What does Bob prefer?",
        "came back",
        "Bob: I prefer red wine.",
        "Where it was lost",
        "MESSAGE:",
    ):
        assert part in text
    assert "Hybrid retrieval: the same chunks" not in text, "the history is left out"


def test_a_long_program_leaves_room_for_the_form(chat, context_of, host):
    long = host + "".join(f"\n\ndef helper_{n}(text):\n    return text[{n}:]\n" for n in range(900))
    model = chat(definitions(900))
    compact(model).mutate(context_of(long, retrieved="x" * 5_000), random.Random(1))
    (request,) = model.requests
    assert sum(estimate_tokens(message["content"]) for message in request.messages) <= COMPACT_TOKENS
    assert "Leave out everything that stays as it is." in request.messages[1]["content"]


def test_two_draws_for_a_parent_begin_alike(chat, context_of, seeds):
    model = chat("no", "nothing", definitions(900))
    context = replace(
        three_failures(context_of), program=context_of(seeds["hybrid"]).program, scopes=("read",)
    )
    compact(model).mutate(context, random.Random(1))
    first, second = (request.messages[1]["content"] for request in model.requests[:2])
    common = next(n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
    assert first != second
    assert common > 0.6 * len(first)


def test_a_draw_shows_another_case_in_another_scope_and_is_warmer(chat, context_of):
    model = chat("no", "nothing", definitions(900))
    context = replace(three_failures(context_of), scope="read", scopes=("write", "everything"))
    sampling = Sampling(max_tokens=1_000, temperature=0.7)
    child = compact(model, sampling=sampling).mutate(context, random.Random(1))
    assert isinstance(child, Proposal)
    assert child.operator == "reflect"
    asked = [request.messages[1]["content"] for request in model.requests]
    shown = [next(n for n in ("t0", "t1", "t2") if f"Question of {n}?" in text) for text in asked]
    assert len(set(shown)) == 3
    assert [request.cause for request in model.requests] == ["reflect"] * 3
    assert ["to `read` or" in text for text in asked] == [True, False, False]
    stop = [opening_of(context.program)]
    assert [dict(request.options) for request in model.requests] == [
        {"max_tokens": 1_000, "stop": stop},
        {"max_tokens": 1_000, "temperature": 0.85, "stop": stop},
        {"max_tokens": 1_000, "temperature": 1.0, "stop": stop},
    ]
    assert all(len(request.messages) == 2 for request in model.requests)


def test_a_reply_that_was_cut_off_is_drawn_again_shorter_and_with_more_room(chat, context_of):
    model = chat(ModelError("truncated", "cut off"), definitions(900))
    child = compact(model, sampling=Sampling(max_tokens=1_000)).mutate(context_of(), random.Random(1))
    assert isinstance(child, Proposal)
    assert [one.became for one in child.tries] == ["lost", "valid"]
    assert [one.reason for one in child.tries] == ["truncated: cut off", ""]
    assert model.requests[1].options["max_tokens"] == 1_500
    assert "At most 25 lines" in model.requests[1].messages[1]["content"]


def test_a_fault_that_the_source_shows_is_found_before_anything_runs(chat, context_of):
    def try_out(program):
        raise AssertionError("it must not be tried")

    refused = compact(chat(UNDEFINED), try_out=try_out, repairs=0).mutate(context_of(), random.Random(1))
    assert isinstance(refused, NoCandidate)
    assert "scores" in refused.reason
    assert refused.tries[0].became == "static"
    assert refused.tries[0].reason == refused.reason


def test_each_failed_reply_has_its_reason_in_one_printable_line(chat, context_of):
    fault = Failure(where="read q1", kind="exception", message="first\x1b[31m\nsecond " + "x" * 900)
    failures = iter((fault, None))
    model = chat("no program at all", definitions(800), definitions(900))
    child = compact(model, try_out=lambda _: next(failures)).mutate(context_of(), random.Random(1))
    assert isinstance(child, Proposal)
    assert [one.became for one in child.tries] == ["unreadable", "failed", "valid"]
    unreadable, failed, valid = (one.reason for one in child.tries)
    assert unreadable
    assert failed.startswith("exception in read q1: first [31m second x")
    assert len(failed) == 400
    assert valid == ""


def test_a_conversation_quotes_the_line_at_fault(chat, context_of):
    model = chat(UNDEFINED, definitions(900))
    child = compact(model, retrying=always("repair")).mutate(context_of(), random.Random(1))
    assert isinstance(child, Proposal)
    assert [one.kind for one in child.tries] == ["draw", "repair"]
    told = model.requests[1].messages
    assert [message["role"] for message in told] == ["system", "user", "assistant", "user"]
    assert "`return str(scores)[:9]`" in told[-1]["content"]


@pytest.mark.parametrize(
    ("found", "became"),
    [
        (NoEffect(8), "no effect"),
        (Failure(kind="exception", where="read t1", message="the text is too long"), "failed"),
    ],
)
def test_a_child_without_effect_or_that_fails_on_real_tasks_is_drawn_again(chat, context_of, found, became):
    outcomes = [found, None]
    model = chat(definitions(900), definitions(800))
    child = compact(model, probe=lambda program, context: outcomes.pop(0)).mutate(
        context_of(), random.Random(1)
    )
    assert isinstance(child, Proposal)
    assert "[:800]" in child.program.source
    assert [one.became for one in child.tries] == [became, "valid"]
    assert ("in all 8 questions" in model.requests[1].messages[1]["content"]) == (became == "no effect")


def test_the_same_text_is_told_from_another_known_program(chat, context_of, host):
    same = "MESSAGE: x\n```python\ndef _index(self, fresh):\n    self.notes.extend(fresh)\n```"
    refused = compact(chat(same), repairs=0).mutate(context_of(), random.Random(1))
    assert [one.became for one in refused.tries] == ["same"]


@pytest.mark.parametrize("style", ["compact", "full"])
def test_a_blind_model_is_shown_no_failure(chat, context_of, style):
    model = chat(definitions(900))
    blind = ReflectionMutator(
        model,
        try_out=lambda program: None,
        style=style,
        attribution=False,
        failures_shown=0,
        successes_shown=0,
        references_shown=0,
    )
    context = context_of(retrieved="What came back.", stage=Stage.NOT_RETRIEVED)
    failure = Failure(kind="exception", where="read t9", message="KeyError")
    diagnosis = context.diagnosis.model_copy(update={"failure": failure})
    assert isinstance(blind.mutate(replace(context, diagnosis=diagnosis), random.Random(1)), Proposal)
    text = "\n".join(message["content"] for message in model.requests[0].messages)
    for part in ("Bob", "What came back", "not_retrieved", "KeyError", "evidence was lost", "REGRESSION"):
        assert part not in text
    assert "0.500" in text
    assert "def _add_a" in text


def told(retrying: Retrying, became: Became, kind: TryKind, numbers: range) -> None:
    for number in numbers:
        first = Try(kind="draw", form="definitions", became="failed")
        retrying.tell(number, (first, Try(kind=kind, form="definitions", became=became)))


def test_how_to_ask_again_is_learnt_from_what_is_recorded():
    first, resumed = (Retrying("auto", window=1, prefers="draw") for _ in range(2))
    for retrying, numbers in ((first, range(40)), (resumed, range(39, -1, -1))):
        told(retrying, "valid", "repair", numbers)
        told(retrying, "failed", "draw", range(100 + numbers.start, 100 + numbers.stop, numbers.step))
    told(resumed, "valid", "repair", range(40))  # again
    rngs = random.Random(4), random.Random(4)
    chosen = [first.choose(200, rngs[0]) for _ in range(60)]
    assert chosen == [resumed.choose(200, rngs[1]) for _ in range(60)]
    assert chosen.count("repair") > 50
    fresh = Retrying("auto", window=1, prefers="draw")
    assert [fresh.choose(200, rngs[0]) for _ in range(60)].count("draw") > 40


def test_what_lies_within_the_window_is_not_looked_at():
    early, late = (Retrying("auto", window=5, prefers="draw") for _ in range(2))
    told(late, "valid", "repair", range(96, 100))
    assert [early.choose(100, random.Random(n)) for n in range(40)] == [
        late.choose(100, random.Random(n)) for n in range(40)
    ]


def test_the_mutator_learns_from_feedback(chat, context_of):
    retrying = Retrying("auto", window=1, prefers="draw")
    mutator = compact(chat(definitions(900)), retrying=retrying)
    tries = (
        Try(kind="draw", form="definitions", became="failed"),
        Try(kind="repair", form="definitions", became="valid"),
    )
    for number in range(40):
        mutator.observe(Feedback(number, "reflect", 0.0, None, tries))
    assert [retrying.choose(99, random.Random(n)) for n in range(20)].count("repair") > 14


def test_prompts_of_ones_own_take_the_place_of_the_packages(tmp_path):
    text = (TEXTS_FOLDER / "compact.md").read_text()
    (tmp_path / "compact.md").write_text(text.replace("You improve", "Please improve"))
    own = texts_of(tmp_path)
    assert "Please improve" in own["compact"].say(
        "system", about="", read_characters="3,000", model_calls="1"
    )
    assert own.digest != TEXTS.digest
    assert own.own_digest
    assert not TEXTS.own_digest
    assert own["contract"].slots == TEXTS["contract"].slots


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda text: text.replace("$returned", "$retrieved"), "a slot \\$retrieved that nothing fills"),
        (lambda text: text.replace("# whole", "# all"), "the section '# whole' is missing"),
        (lambda text: "no section", "must consist of sections"),
    ],
)
def test_prompts_that_do_not_fit_are_refused(tmp_path, change, expected):
    (tmp_path / "compact.md").write_text(change((TEXTS_FOLDER / "compact.md").read_text()))
    with pytest.raises(UsageError, match=expected):
        texts_of(tmp_path)


def test_a_folder_of_prompts_must_be_there(tmp_path):
    with pytest.raises(UsageError, match="no folder of prompts"):
        texts_of(tmp_path / "absent")


def test_an_idea_comes_with_the_method_that_it_changes_in_the_place_of_the_example(chat, context_of, seeds):
    context = replace(three_failures(context_of), program=context_of(seeds["lexical"]).program, scope="write")
    shown = {}
    for seed in range(20):
        model = chat(definitions(900))
        compact(model, ideas_shown=1).mutate(context, random.Random(seed))
        asked = model.requests[0].messages[1]["content"]
        for opening in ("Change this method", "These are the numbers"):
            if opening in asked:
                shown[opening] = asked[asked.index(opening) :]
    method, numbers = shown["Change this method"], shown["These are the numbers"]
    assert "def _split(self, text):" in method
    assert "So that it does this:" in method
    assert method.count("def ") == 1, "no other method is shown"
    assert '"chunk_characters": (500, 150, 1500)' in numbers
    assert "def " not in numbers


def test_no_idea_is_shown_where_none_is_asked_for(chat, context_of):
    model = chat(definitions(900))
    compact(model).mutate(three_failures(context_of), random.Random(1))
    assert "So that it does this" not in model.requests[0].messages[1]["content"]


def test_a_full_prompt_lists_its_ideas(chat, context_of):
    model = chat(definitions(900))
    mutator = ReflectionMutator(model, try_out=lambda program: None, ideas_shown=2)
    mutator.mutate(three_failures(context_of), random.Random(1))
    asked = model.requests[0].messages[1]["content"]
    section = asked.partition("Changes to try")[2].strip().split("\n\n")[0]
    assert section.count("- ") == 2
    assert "stop" not in model.requests[0].options, "a long reply may hold the whole program"


def test_a_worse_child_is_drawn_again_and_said_so(chat, context_of):
    found = iter([Worse(reads=12, before=0.5, after=0.25), None])
    model = chat(definitions(900), definitions(901))
    child = compact(model, probe=lambda program, context: next(found)).mutate(
        three_failures(context_of), random.Random(1)
    )
    assert isinstance(child, Proposal)
    assert [one.became for one in child.tries] == ["worse", "valid"]
    second = model.requests[1].messages[1]["content"]
    assert "returned 0.25 of the text that they need, and 0.50 before" in second
