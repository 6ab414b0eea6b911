"""A program that was tried is evaluated in the session that it was tried in."""

from __future__ import annotations

from typing import Any

import pytest

from evolve.evaluation import Subset
from evolve.evaluation.evaluator import WarmSessions
from evolve.evaluation.session_run import LoadedSession


class Closable:
    """As much of a session as is needed."""

    closed = False

    def close(self) -> None:
        self.closed = True


def opened() -> LoadedSession:
    session: Any = Closable()
    return LoadedSession(session, None)


def states(sessions: list[LoadedSession]) -> list[bool]:
    """Which are closed."""
    return [one.session.closed for one in sessions]  # type: ignore[attr-defined]


def test_each_is_taken_once():
    warm_sessions, one = WarmSessions(2), opened()
    warm_sessions.put("a", one)
    assert warm_sessions.take("b") is None
    assert warm_sessions.take("a") is one
    assert warm_sessions.take("a") is None
    assert states([one]) == [False]


def test_the_oldest_goes_where_there_are_too_many():
    warm_sessions, sessions = WarmSessions(2), [opened() for _ in range(4)]
    for name, session in zip("abca", sessions, strict=True):
        warm_sessions.put(name, session)
    assert states(sessions) == [True, True, False, False]
    assert warm_sessions.take("a") is sessions[3]
    assert warm_sessions.take("c") is sessions[2]


def test_without_room_none_is_kept():
    warm_sessions, one = WarmSessions(0), opened()
    warm_sessions.put("a", one)
    assert states([one]) == [True]
    assert warm_sessions.take("a") is None


@pytest.fixture
def subset(make_benchmark: Any) -> Subset:
    benchmark = make_benchmark("grouped", 3)
    return Subset("static", benchmark.validation, benchmark.episodes)


def test_an_evaluation_after_a_trial_needs_no_other_sandbox(make_world, make_program, subset):
    tried_first, anew = make_world(), make_world()
    evaluator, program = tried_first.make(warm_sessions=1), make_program()
    assert evaluator.smoke(program, subset) is None
    evaluation = evaluator.evaluate(program, subset)
    assert tried_first.sandbox.opened == 1
    plain = anew.make().evaluate(program, subset)
    assert evaluation.items == plain.items
    assert evaluation.writes == plain.writes
    evaluator.evaluate(program, subset)
    assert tried_first.sandbox.opened == 2


def test_another_program_or_another_run_has_one_of_its_own(make_world, make_program, subset):
    world = make_world()
    evaluator = world.make(warm_sessions=1)
    evaluator.smoke(make_program(), subset)
    evaluator.evaluate(make_program(read='return "x"'), subset)
    evaluator.evaluate(make_program(), subset, repeat=1)
    assert world.sandbox.opened == 3
    evaluator.evaluate(make_program(), subset)
    assert world.sandbox.opened == 3


def test_a_program_that_failed_is_not_kept(make_world, make_program, subset):
    world = make_world()
    evaluator, program = world.make(warm_sessions=1), make_program(write='raise ValueError("no")')
    assert evaluator.smoke(program, subset) is not None
    evaluator.evaluate(program, subset)
    assert world.sandbox.opened == 2


def test_one_that_was_lost_meanwhile_is_opened_anew(make_world, make_program, subset):
    world = make_world()
    evaluator, program = world.make(warm_sessions=1), make_program()
    evaluator.smoke(program, subset)
    world.sandbox.lose()
    assert evaluator.evaluate(program, subset).status == "complete"
    assert world.sandbox.opened == 2
