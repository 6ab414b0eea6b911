"""From a context to a child: what the model answers, what is wrong with it, and how it is mended."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from evolve.errors import BudgetReached, InfrastructureError, ModelError
from evolve.models.tokens import estimate_tokens
from evolve.mutation import MutationContext, NoCandidate, Proposal
from evolve.mutation.reflection import ReflectionMutator
from evolve.program import MemoryProgram
from evolve.records import Candidate, Failure, Usage


def block(old: str, new: str) -> str:
    return f"<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE"


def answer(old: str, new: str, message: str = "Read more.") -> str:
    return f"The reads are cut short.\n\nMESSAGE: {message}\n\n{block(old, new)}\n"


LIMIT = '        return str(scores)[: knob("size")]'
GOOD = answer(LIMIT, "        return str(scores)[:900]")
OTHER = answer(LIMIT, "        return str(scores)[:800]", "Read a little more.")
ABSENT = answer("        return scores", "        return str(scores)")
INVALID = answer('INSTRUCTION_QUERY = "Ask."', 'INSTRUCTION_QUERY = ""')
SAME = answer("        # the last word", "        # the very last word")
TOUCHES_TEXT = answer('INSTRUCTION_QUERY = "Ask."', 'INSTRUCTION_QUERY = "Ask twice."')
OUTAGE = ModelError("outage", "the reflector cannot be reached")
TRUNCATED = ModelError("truncated", "the reflector's answer was cut off at 100 tokens")


def works(program: MemoryProgram) -> Failure | None:
    return None


def mutator(model, *, try_out=works, **settings) -> ReflectionMutator:
    return ReflectionMutator(model, try_out=try_out, **settings)


def mutate(model, context: MutationContext, **settings) -> Proposal | NoCandidate:
    return mutator(model, **settings).mutate(context, random.Random(3))


def said(request) -> str:
    return "\n".join(message["content"] for message in request.messages)


def test_an_answer_that_works_becomes_a_child(chat, context_of, host):
    model = chat(GOOD)
    child = mutate(model, context_of())
    assert isinstance(child, Proposal)
    assert child.program.source == host.replace(LIMIT, "        return str(scores)[:900]")
    assert (child.operator, child.message, child.parents) == ("reflect", "Read more.", (1,))
    (request,) = model.requests
    assert (request.cause, request.repeat) == ("reflect", 9 * 4)
    assert [message["role"] for message in request.messages] == ["system", "user"]


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (
            "patch",
            f"MESSAGE: Read more.\n```diff\n@@ -1 +1 @@\n-{LIMIT}\n+        return str(scores)[:900]\n```",
        ),
        ("whole", "MESSAGE: Read more.\n```python\n{host}```"),
    ],
)
def test_every_form_of_edit_makes_a_child(chat, context_of, host, edit, text):
    expected = host.replace(LIMIT, "        return str(scores)[:900]")
    model = chat(text.replace("{host}", expected))
    child = mutate(model, context_of(), edit=edit)
    assert isinstance(child, Proposal)
    assert child.program.source == expected
    assert f"```{'diff' if edit == 'patch' else 'python'}" in model.requests[0].messages[1]["content"]


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (ABSENT, "Nearest to it are lines"),
        (GOOD.replace(">>>>>>> REPLACE", ""), "may have been cut off"),
        ("I cannot help with that.", "There is no fenced block with code"),
        ("", "did not arrive"),
        (INVALID, "INSTRUCTION_QUERY is empty; say what the agent shall do\n    5: "),
        (SAME, "it does the same as its parent"),
    ],
)
def test_what_does_not_work_is_told_and_mended(chat, context_of, bad, told):
    model = chat(bad, GOOD)
    assert isinstance(mutate(model, context_of()), Proposal)
    first, second = model.requests
    assert second.cause == "repair"
    assert second.messages[:2] == first.messages or not bad
    assert told in second.messages[-1]["content"]
    if bad:
        assert second.messages[2] == {"role": "assistant", "content": bad}


def test_a_repair_shows_the_last_attempt_and_error_alone(chat, context_of):
    model = chat(ABSENT, INVALID, GOOD)
    assert isinstance(mutate(model, context_of()), Proposal)
    third = model.requests[2]
    assert len(third.messages) == 4
    assert third.messages[2]["content"] == INVALID
    assert "Nearest" not in third.messages[3]["content"]


def test_after_the_last_repair_the_reason_is_given(chat, context_of):
    model = chat("I cannot.", "I will not.", INVALID, ABSENT)
    refused = mutate(model, context_of(), repairs=3)
    assert len(model.requests) == 4
    assert [one.became for one in refused.tries] == ["unreadable", "unreadable", "static", "unreadable"]
    assert isinstance(refused, NoCandidate)
    assert refused.operator == "reflect"
    assert refused.reason.startswith("the edit does not apply: Block 1 of 1 was not found")
    assert "\n" not in refused.reason
    assert len(refused.reason) <= 400


def test_without_repairs_the_first_answer_decides(chat, context_of):
    model = chat(ABSENT, GOOD)
    assert isinstance(mutate(model, context_of(), repairs=0), NoCandidate)
    assert len(model.requests) == 1


def test_a_reply_that_comes_again_ends_the_series(chat, context_of):
    model = chat(ABSENT)
    assert isinstance(mutate(model, context_of(), repairs=5), NoCandidate)
    assert len(model.requests) == 2


def test_an_answer_without_a_message_is_called_by_what_it_changes(chat, context_of):
    child = mutate(chat(block(LIMIT, "        return str(scores)[:900]")), context_of())
    assert isinstance(child, Proposal)
    assert "read" in child.message


def test_a_duplicate_is_told_once(chat, context_of, host):
    known = MemoryProgram(host.replace(LIMIT, "        return str(scores)[:900]")).fingerprint
    model = chat(GOOD, GOOD, OTHER)
    refused = mutate(model, context_of(known=frozenset({known})))
    assert isinstance(refused, NoCandidate)
    assert refused.reason == "the same program as another program of this campaign"
    assert refused.usage == Usage(calls=2)
    assert len(model.requests) == 2, "the same reply twice ends it"
    model = chat(GOOD, OTHER)
    assert isinstance(mutate(model, context_of(known=frozenset({known}))), Proposal)
    assert "another program of this campaign" in model.requests[1].messages[-1]["content"]


def test_a_child_that_fails_when_tried_is_mended_with_its_traceback(chat, context_of):
    tried: list[str] = []

    def try_out(program: MemoryProgram) -> Failure | None:
        tried.append(program.source)
        if len(tried) == 1:
            return Failure(
                kind="exception", where="read t0", message="read raised KeyError: 'a'", detail="line 43"
            )
        return None

    model = chat(GOOD, OTHER)
    child = mutate(model, context_of(), try_out=try_out)
    assert isinstance(child, Proposal)
    assert tried[1] == child.program.source
    told = model.requests[1].messages[-1]["content"]
    assert "exception in read t0" in told
    assert "read raised KeyError: 'a'" in told
    assert "    line 43" in told


def test_nothing_is_tried_that_breaks_the_contract_or_is_known(chat, context_of):
    def try_out(program: MemoryProgram) -> Failure | None:
        raise AssertionError("it must not be tried")

    assert isinstance(mutate(chat(INVALID), context_of(), try_out=try_out), NoCandidate)
    assert isinstance(mutate(chat(SAME), context_of(), try_out=try_out), NoCandidate)


@pytest.mark.parametrize("kind", ["truncated", "filtered", "too_long", "rejected", "malformed"])
def test_a_call_that_failed_costs_a_round(chat, context_of, kind):
    model = chat(ModelError(kind, "no good"), GOOD)
    assert isinstance(mutate(model, context_of()), Proposal)
    assert f"{kind}: no good" in model.requests[1].messages[-1]["content"]
    model = chat(ModelError(kind, "no good"))
    refused = mutate(model, context_of())
    assert isinstance(refused, NoCandidate)
    assert refused.reason == f"{kind}: no good"
    assert [one.became for one in refused.tries] == ["lost"] * 4
    assert len(model.requests) == 4


def test_a_prompt_that_is_too_long_is_halved(chat, context_of, host):
    long = host.replace('"""A host."""', '"""' + "A host. " * 3_000 + '"""')
    model = chat(
        ModelError("too_long", "it has 8,000 tokens"), answer(LIMIT, "        return str(scores)[:900]")
    )
    assert isinstance(mutate(model, context_of(long), prompt_tokens=8_000), Proposal)
    first, second = (sum(estimate_tokens(m["content"]) for m in r.messages) for r in model.requests)
    assert 4_000 < first <= 8_000
    assert second <= 4_000


@pytest.mark.parametrize(
    "error", [OUTAGE, ModelError("setup", "wrong key"), BudgetReached("0.50 USD are spent")]
)
def test_an_outage_a_wrong_setup_and_a_spent_budget_go_through(chat, context_of, error):
    with pytest.raises(type(error)) as caught:
        mutate(chat(ABSENT, error), context_of())
    assert caught.value is error


def test_a_sandbox_that_fails_goes_through(chat, context_of):
    def try_out(program: MemoryProgram) -> Failure | None:
        raise InfrastructureError("the engine is gone")

    with pytest.raises(InfrastructureError, match="engine is gone"):
        mutate(chat(GOOD), context_of(), try_out=try_out)


@pytest.mark.parametrize("freeze", [None, "instructions"])
@pytest.mark.parametrize("scope", ["read", "everything"])
def test_what_is_frozen_stays(chat, context_of, scope, freeze):
    model = chat(TOUCHES_TEXT, GOOD)
    child = mutate(model, replace(context_of(), scope=scope), freeze=freeze)
    assert isinstance(child, Proposal)
    assert child.operator == ("reflect" if scope == "everything" else f"reflect/{scope}")
    free = scope == "everything" and freeze is None
    assert len(model.requests) == (1 if free else 2)
    if not free:
        assert "What may not be changed was changed: INSTRUCTION_QUERY." in said(model.requests[1])
        assert "unchanged: " in said(model.requests[0])


def test_with_the_code_frozen_only_texts_change(chat, context_of):
    model = chat(GOOD, TOUCHES_TEXT)
    child = mutate(model, context_of(), freeze="code")
    assert isinstance(child, Proposal)
    assert child.program.parts.instructions["INSTRUCTION_QUERY"] == "Ask twice."
    assert "KnowledgeBase.read" in said(model.requests[1])


@pytest.mark.parametrize(
    ("freeze", "text", "code"), [("code", "Ask twice.", "[]"), ("instructions", "Ask.", "[0]")]
)
def test_of_a_reply_that_changes_both_the_part_that_may_change_is_taken(
    chat, context_of, host, freeze, text, code
):
    both = host.replace('"Ask."', '"Ask twice."').replace("self.notes = []", "self.notes = [0]")
    model = chat(f"MESSAGE: Both.\n\n```python\n{both}```")
    child = mutate(model, context_of(), freeze=freeze, edit="whole")
    assert isinstance(child, Proposal)
    assert child.program.parts.instructions["INSTRUCTION_QUERY"] == text
    assert f"self.notes = {code}\n" in child.program.source


def test_with_the_code_frozen_the_short_prompt_ends_in_the_text_to_be_changed(chat, context_of, host):
    model = chat('MESSAGE: Shorter.\n\n```python\nINSTRUCTION_QUERY = "Ask twice."\n```')
    context = replace(context_of(), scope="query")
    child = mutate(model, context, freeze="code", style="compact", ideas_shown=1)
    assert isinstance(child, Proposal)
    ending = said(model.requests[0]).rpartition("asks an agent to fill the fields of Query")[2]
    assert '```python\nINSTRUCTION_QUERY = "Ask."\n```' in ending
    assert "holds this constant whole" in ending


def test_where_everything_is_frozen_nothing_is_asked(chat, context_of):
    model = chat(GOOD)
    refused = mutate(model, replace(context_of(), scope="read"), freeze="code")
    assert refused == NoCandidate("reflect/read", "with the code frozen, scope read leaves nothing to change")
    assert model.requests == []


def test_crossover_shows_both_and_who_wins_what(chat, context_of, host):
    partner = host.replace('knob("size")', "2_000")
    context = context_of(partner=partner)
    assert context.partner
    context = replace(
        context,
        parent=context.parent.model_copy(update={"item_scores": {"a": 0.9, "b": 0.1, "c": 0.5, "d": 0.7}}),
        partner=context.partner.model_copy(update={"item_scores": {"a": 0.2, "b": 0.3, "c": 0.5, "e": 0.0}}),
    )
    model = chat(GOOD)
    child = mutate(model, context)
    assert isinstance(child, Proposal)
    assert (child.operator, child.parents) == ("crossover", (1, 4))
    text = said(model.requests[0])
    assert partner.strip() in text
    assert "the same 3 items, and are equal on 1" in text
    assert "#1 (quality 0.500) wins 1, by 0.700 on average: a (0.70)." in text
    assert "#4 (quality 0.500) wins 1, by 0.200 on average: b (0.20)." in text


def test_a_crossover_keeps_to_its_scope(chat, context_of, host):
    model = chat(TOUCHES_TEXT, GOOD)
    child = mutate(model, replace(context_of(partner=host), scope="read"))
    assert isinstance(child, Proposal)
    assert child.operator == "crossover"
    assert len(model.requests) == 2


def test_an_equal_generator_and_equal_answers_give_an_equal_child(chat, context_of, host):
    context = context_of(partner=host)
    runs = []
    for _ in range(2):
        model = chat(ABSENT, GOOD)
        rng = random.Random(11)
        runs.append((mutator(model).mutate(context, rng), model.requests, rng.random()))
    assert runs[0] == runs[1]


def test_a_failed_sibling_is_no_obstacle(chat, context_of):
    failed = Candidate(number=5, program="p", parents=(1,), objectives={}, failed=True, message="Tried.")
    model = chat(GOOD)
    assert isinstance(mutate(model, replace(context_of(), siblings=(failed,))), Proposal)
    assert "#5 (seed), failed: Tried." in said(model.requests[0])


def test_a_bound_that_cannot_hold_a_contract_is_refused(chat):
    with pytest.raises(ValueError, match=r"4,000 tokens or more, found 3,999"):
        mutator(chat(GOOD), prompt_tokens=3_999)


def test_the_identity_tells_apart_what_decides(chat):
    identities = {
        mutator(chat(GOOD)).identity,
        mutator(chat(GOOD), edit="whole").identity,
        mutator(chat(GOOD), repairs=1).identity,
        mutator(chat(GOOD), prompt_tokens=8_000).identity,
        mutator(chat(GOOD), attribution=False).identity,
        mutator(chat(GOOD), freeze="code").identity,
        mutator(chat(GOOD), about="conversations").identity,
    }
    assert len(identities) == 7
    assert all("fake/1" in identity for identity in identities)
