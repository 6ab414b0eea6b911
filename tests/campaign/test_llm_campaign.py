"""A campaign in which every role is a model: through litellm to the test server."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.errors import UsageError
from evolve.events import Event, Joined
from evolve.inspection.notes import hints_data
from evolve.models.litellm_provider import LitellmProvider
from evolve.results import Run
from tests.campaign.actors import IDEA, MODELS, Reflector, actors, cause
from tests.campaign.lab import SEEDS, SMALL, Ended, Lab
from tests.server.fixtures import KEY_VARIABLE
from tests.server.log import Served
from tests.server.scripts import Asked
from tests.server.server import KEY, ModelServer

SEED_COUNT = len(SEEDS)


class Whole:
    """A whole campaign, undisturbed, with what the server saw of it; and the same once more."""

    def __init__(self, root: Path) -> None:
        with ModelServer(actors()) as server:
            self.lab = Lab(server.url, root)
            self.first = self.lab.run("first", self.lab.config(seed=1))
            self.served: list[Served] = list(server.served)
            self.second = self.lab.run("second", self.lab.config(seed=1, jobs=1))
            self.served_again: list[Served] = server.served[len(self.served) :]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, KEY)
        yield Whole(tmp_path_factory.mktemp("whole"))


def test_twelve_children_are_made_by_reflection_mended_refused_and_told_apart(whole: Whole) -> None:
    ended = whole.first
    assert ended.error is None
    assert sorted(ended.decided) == list(range(SEED_COUNT + 12))
    children = {n: c for n, c in ended.candidates.items() if n >= SEED_COUNT}
    assert len(children) >= 4
    assert all(child.operator.startswith(("reflect", "crossover")) for child in children.values())
    repaired = {call.candidate for call in ended.calls if call.cause == "repair"}
    assert repaired & children.keys(), "no child was mended"
    told = [
        str(one.body["messages"][-1]["content"]) for one in whole.served if one.model == MODELS["reflector"]
    ]
    assert any("was not found in the program" in text for text in told)
    assert any("has no attribute `index`" in text for text in told)  # found without running it
    reasons = list(ended.discarded.values())
    assert any("the edit does not apply: " in reason for reason in reasons), "none was beyond repair"
    assert any("the same program as" in reason for reason in reasons), "no duplicate was rejected"
    assert len({c.program for c in ended.candidates.values()}) == len(ended.candidates)


def test_the_scripted_improvement_is_found_and_ends_on_the_front(whole: Whole) -> None:
    assert whole.first.summary is not None
    best = whole.first.summary.best
    lineage = [best]
    while lineage[-1].parents:
        lineage.append(whole.first.candidates[lineage[-1].parents[0]])
    assert IDEA in [candidate.message for candidate in lineage]
    assert best.objectives["quality"] == 1.0
    assert best in whole.first.summary.front
    assert whole.first.summary.tests[best.number].mean == 1.0
    assert lineage[-1].name == "recent"


def test_tokens_and_usd_of_each_role_are_those_of_the_server(whole: Whole) -> None:
    import litellm

    roles = whole.first.accounts.roles
    assert set(roles) == set(MODELS)
    for role, model in MODELS.items():
        usage, served = roles[role].usage, [one for one in whole.served if one.model == model]
        assert usage.calls == len(served)
        assert usage.tokens_in == sum(one.tokens_in for one in served)
        assert usage.tokens_out == sum(one.tokens_out for one in served)
        price = litellm.model_cost[model]
        usd = usage.tokens_in * price["input_cost_per_token"]
        usd += usage.tokens_out * price.get("output_cost_per_token", 0.0)
        assert usage.usd == pytest.approx(usd, rel=1e-9)
        assert usage.usd > 0
        assert usage.unpriced == 0
    assert whole.first.accounts.total.usage.calls == len(whole.served)


def test_the_same_campaign_again_makes_no_call_and_ends_with_the_same_front(whole: Whole) -> None:
    assert whole.served_again == []
    assert whole.second.front == whole.first.front
    assert whole.second.decided == whole.first.decided  # with one worker in the place of three
    assert whole.second.accounts.total.usage.calls == 0
    assert whole.second.accounts.total.cached > 0


def test_no_request_is_sent_twice(whole: Whole) -> None:
    chats = [str(one.body) for one in whole.served if one.model != MODELS["reflector"]]
    assert [body for body, times in Counter(chats).items() if times > 1] == []


def test_the_judge_sees_no_memory_and_the_agent_no_gold(whole: Whole) -> None:
    for one in whole.served:
        text = str(one.body)
        if one.model == MODELS["judge"]:
            assert "memory" not in text
        if one.model == MODELS["task"]:
            assert "reference" not in text


def scripted(server: ModelServer, lab: Lab, *moods: str, **settings: object) -> Ended:
    """A small campaign whose reflector has these moods only."""
    server.script(MODELS["reflector"], Reflector(*moods))
    return lab.run("run", lab.config(SMALL, **settings))


@pytest.mark.parametrize("scoped", [True, False])
def test_a_child_that_changes_only_read_costs_no_extraction(
    server: ModelServer, lab: Lab, scoped: bool
) -> None:
    # A second run, to confirm a winner, would ask for everything anew.
    ended = scripted(server, lab, "improve", budget=1, search__scoped=scoped, search__confirm=False, seed=1)
    assert ended.candidates[1].message == IDEA
    assert ended.candidates[1].operator == ("reflect/read" if scoped else "reflect")
    asked = Counter(call.cause for call in ended.calls if call.candidate == 1 and not call.cached)
    assert asked["reflect"] == 1
    assert asked["answer"] > 0
    assert set(asked) == {"reflect", "answer", "judge"}  # no episode was extracted, no query formulated


def seen_by_reflector(server: ModelServer) -> list[str]:
    return [
        "\n".join(message["content"] for message in one.body["messages"])
        for one in server.served
        if one.model == MODELS["reflector"]
    ]


def test_frozen_instructions_stay_as_they_are(server: ModelServer, lab: Lab) -> None:
    ended = scripted(server, lab, "improve", "vary", budget=3, search__freeze="instructions")
    programs = [ended.record.program(c.program) for c in ended.candidates.values()]
    assert len(programs) > 1
    assert len({tuple(sorted(program.parts.instructions.items())) for program in programs}) == 1
    assert all("four text constants of a program are frozen" in text for text in seen_by_reflector(server))


def test_frozen_code_stays_as_it_is(server: ModelServer, lab: Lab) -> None:
    ended = scripted(server, lab, "vary", "improve", budget=3, search__freeze="code")
    programs = [ended.record.program(c.program) for c in ended.candidates.values()]
    assert len(programs) > 1
    assert len({program.parts.methods["read"] for program in programs}) == 1
    assert len({tuple(sorted(program.parts.instructions.items())) for program in programs}) == len(programs)


@pytest.mark.slow
def test_always_the_best_or_always_the_latest_parent(server: ModelServer, lab: Lab) -> None:
    server.script(MODELS["reflector"], Reflector("improve", "vary"))
    best = lab.run("max", lab.config(SMALL, budget=4, search__selection="max"))
    latest = lab.run("latest", lab.config(SMALL, budget=4, search__selection="latest"))
    for number, child in best.candidates.items():
        if child.parents:
            before = [c for n, c in best.candidates.items() if n < number]
            top = max(c.objectives["quality"] for c in before)
            assert best.candidates[child.parents[0]].objectives["quality"] == top
    for number, child in latest.candidates.items():
        if child.parents:
            assert child.parents[0] == max(n for n in latest.candidates if n < number)


@pytest.mark.slow
def test_references_and_attribution_can_be_left_out(server: ModelServer, lab: Lab) -> None:
    settings = {"seeds": SEEDS[::2], "budget": 2}
    server.script(MODELS["reflector"], Reflector("improve", "vary"))
    lab.run("with", lab.config(SMALL, **settings))
    shown = "\n".join(seen_by_reflector(server))
    assert "Another program for inspiration" in shown
    assert "Where the evidence was lost" in shown
    server.served.clear()
    lab.run("without", lab.config(SMALL, **settings, search__references=False, search__attribution=False))
    shown = "\n".join(seen_by_reflector(server))
    assert shown
    assert "Another program for inspiration" not in shown
    assert "Where the evidence was lost" not in shown
    assert "Where it was lost" not in shown


def test_a_price_must_be_known_where_a_cap_in_usd_is_set(server: ModelServer, lab: Lab) -> None:
    config = lab.config(SMALL, max_usd=1.0, models__judge__model="openai/nobody-knows-it")
    ended = lab.run("run", config)
    assert isinstance(ended.error, UsageError)
    assert "price of openai/nobody-knows-it (judge) is not known" in str(ended.error)
    assert server.served == []


def test_unknown_prices_are_told_as_calls_and_cost_is_in_tokens(server: ModelServer, lab: Lab) -> None:
    server.script("nameless", actors()[MODELS["task"]])
    config = lab.config(SMALL, budget=0, models__task__model="openai/nameless")
    ended = lab.run("run", config)
    usage = ended.accounts.roles["task"].usage
    assert usage.unpriced == usage.calls > 0
    assert usage.usd == 0.0
    evaluation = ended.evaluation(0)
    assert evaluation.cost_unit == "tokens"
    assert evaluation.cost > 1


def test_models_are_charged_to_the_candidate_that_they_are_asked_for(whole: Whole) -> None:
    ended = whole.first
    accounts = ended.accounts.candidates
    assert set(accounts) <= {None, *range(SEED_COUNT + 12)}
    assert sum(account.usage.calls for account in accounts.values()) == len(whole.served)
    for number in range(SEED_COUNT, SEED_COUNT + 12):
        assert accounts[number].usage.usd > 0  # its reflection at least
    tested = {
        number
        for number, candidate in ended.candidates.items()
        if any(e.subset == "test" for e in ended.record.evaluations(candidate.program))
    }
    assert {call.candidate for call in ended.calls if call.test} == tested != set()


def test_only_parents_are_diagnosed(whole: Whole) -> None:
    """Only programs that become parents are given the items to learn from."""
    ended = whole.first
    parents = {n for c in ended.candidates.values() for n in c.parents}
    diagnosed = {
        number
        for number, candidate in ended.candidates.items()
        if any(e.subset.startswith("rotating") for e in ended.record.evaluations(candidate.program))
    }
    assert parents <= diagnosed < set(ended.candidates)


def test_children_of_grouped_memories(server: ModelServer, lab: Lab) -> None:
    ended = scripted(
        server, lab, "improve", budget=1, benchmark_options={"days": "9", "tasks": "10", "scope": "grouped"}
    )
    assert ended.error is None
    assert ended.candidates[1].objectives["quality"] == 1.0


def test_every_event_is_told_as_it_is_recorded(server: ModelServer, lab: Lab) -> None:
    told: list[Event] = []
    ended = lab.run("run", lab.config(SMALL), watch=told.append)
    assert told == ended.record.events()
    assert sum(isinstance(event, Joined) for event in told) >= 1


def test_the_price_of_the_table_is_that_of_the_gateway(lab: Lab) -> None:
    provider = LitellmProvider()
    for model in MODELS.values():
        written = 0 if "embedding" in model else 1
        settings = lab.config().models.task.model_copy(update={"model": f"openai/{model}"})
        assert asyncio.run(provider.price(settings, 1, written))


def test_what_the_task_model_is_asked_adds_up(whole: Whole) -> None:
    """Calls by cause in the account are those that the server was asked."""
    asked = Counter(
        cause(Asked(one.model, one.body, 0, 0)) for one in whole.served if one.model == MODELS["task"]
    )
    causes = whole.first.accounts.causes
    assert {name: causes[name].usage.calls for name in ("extract", "query", "answer")} == dict(asked)


def test_a_hint_is_in_the_prompts_of_the_candidates_that_follow(server: ModelServer, lab: Lab) -> None:
    config = lab.config(SMALL, seed=1, budget=3)
    ended = lab.run("hinted", config)
    assert ended.error is None
    run = Run(ended.record)
    hint = run.hint("Keep every date.")
    before = len(server.served)
    again = lab.run("hinted", lab.config(SMALL, seed=1, budget=5))
    assert again.error is None
    sent = [str(one.body["messages"]) for one in server.served[before:] if one.model == MODELS["reflector"]]
    assert sent
    assert all("Keep every date." in text for text in sent)
    (row,) = hints_data(ended.record)
    assert row == {"id": hint, "text": "Keep every date.", "since": len(SMALL["seeds"]) + 3, "until": None}
    run.withdraw(hint)
    with pytest.raises(UsageError, match="There are: none"):
        run.withdraw(hint)
