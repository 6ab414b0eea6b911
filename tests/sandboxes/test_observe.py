"""A program that observes the steps of a task keeps them for that task only, whatever it does.

Part of what every backend promises, as ``conformance.py``.
"""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from evolve.errors import ProgramError
from evolve.records import Fields
from evolve.sandboxes.protocol import Limits, Sandbox

STEP: Fields = {"command": "open fridge", "observation": "It is empty.", "goal": "Find the milk."}
QUERY: Fields = {"text": "which fact"}


def observing(program: Any, body: str, **parts: str) -> str:
    """A program with ``body`` as its method observe."""
    return (
        program(**parts)
        + "\n    def observe(self, step):\n"
        + textwrap.indent(textwrap.dedent(body), " " * 8)
    )


def test_steps_are_seen_by_the_reads_of_their_task_only(
    sandbox: Sandbox, program: Any, services: Any, limits: Limits
) -> None:
    source = observing(
        program,
        "self.notes.append(f'{step.goal} > {step.command}: {step.observation}')\nreturn len(self.notes) > 1",
        read="return ' | '.join(self.notes)",
    )
    with sandbox.open(source, services, limits) as session:
        with session.branch():
            assert session.read(QUERY).text == ""
            first = session.observe(STEP)
            assert (first.text, first.read_again) == ("", False)
            assert session.observe({**STEP, "observation": "Still."}).read_again
            assert session.read(QUERY).text == (
                "Find the milk. > open fridge: It is empty. | Find the milk. > open fridge: Still."
            )
        assert session.read(QUERY).text == ""


def test_a_model_may_be_asked_as_in_a_read_and_each_step_has_its_own_budget(
    sandbox: Sandbox, program: Any, services: Any, limits: Limits
) -> None:
    ask = "self.toolkit.llm_completion([{'role': 'user', 'content': step.command}])"
    with sandbox.open(observing(program, f"return {ask}"), services, limits) as session:
        for _ in range(2):
            outcome = session.observe(STEP)
            assert (outcome.usage.calls, outcome.read_again) == (1, True)
    with sandbox.open(observing(program, f"{ask}; {ask}"), services, limits) as session:
        with pytest.raises(ProgramError, match="2 times in one write, read or observe") as caught:
            session.observe(STEP)
        assert caught.value.kind == "budget"


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        ("raise ValueError('no')", "exception", "observe raised ValueError: no"),
        ("import numpy; return numpy.zeros(3)", "exception", "truth value"),
        ("import sys; sys.exit(3)", "exception", "SystemExit"),
        ("self.kept = bytearray(10**9)", "memory", "observe ran out of memory"),
        ("return step.reward", "exception", "no attribute 'reward'"),
    ],
)
def test_what_fails_in_it_is_the_programs_failure_and_the_session_goes_on(
    sandbox: Sandbox, program: Any, services: Any, limits: Limits, body: str, kind: str, said: str
) -> None:
    with sandbox.open(observing(program, body), services, limits) as session:
        with session.branch(), pytest.raises(ProgramError) as caught:
            session.observe(STEP)
        assert (caught.value.kind, caught.value.fatal) == (kind, False)
        assert said in caught.value.message
        assert session.read(QUERY).text == ""


@pytest.mark.parametrize(
    ("body", "kind"), [("time.sleep(600)", "timeout"), ("os.kill(os.getpid(), 9)", "crash")]
)
def test_one_that_sleeps_or_is_killed_ends_the_session(
    sandbox: Sandbox, program: Any, services: Any, limits: Limits, body: str, kind: str
) -> None:
    source = observing(program, f"import os, time; {body}")
    with sandbox.open(source, services, limits.replace(call_seconds=0.5)) as session:
        with pytest.raises(ProgramError) as caught:
            session.observe(STEP)
        assert (caught.value.kind, caught.value.fatal) == (kind, True)


def test_megabytes_that_it_returns_stay_in_the_sandbox(
    sandbox: Sandbox, program: Any, services: Any, limits: Limits
) -> None:
    source = observing(program, "return 'x' * 30_000_000")  # more than any message may have
    with sandbox.open(source, services, limits) as session:
        outcome = session.observe(STEP)
        assert (outcome.text, outcome.read_again) == ("", True)


def test_nothing_that_it_stores_or_starts_reaches_the_next_task(
    sandbox: Sandbox, program: Any, services: Any, limits: Limits
) -> None:
    source = observing(
        program,
        """
        with open("kept", "w") as file: file.write(step.goal)
        self.toolkit.db.execute("INSERT INTO kept VALUES (?)", (step.goal,))
        self.toolkit.vectors.add([step.goal], self.toolkit.embed([step.goal]))
        type(self).kept = KNOBS["kept"] = step.goal
        self.child = os.fork()
        if not self.child:
            time.sleep(600)
        """,
        top="KNOBS = {}",
        init="self.child = 0; toolkit.db.execute('CREATE TABLE kept (text)')",
        read="""
        found = [row[0] for row in self.toolkit.db.execute("SELECT text FROM kept")]
        found += [str(key) for key, _ in self.toolkit.vectors.search(self.toolkit.embed(["x"])[0], 3)]
        found += [getattr(type(self), "kept", ""), KNOBS.get("kept", "")]
        found += [open("kept").read()] if os.path.exists("kept") else []
        child = int(query.text)
        return f"{''.join(found)} {self.child} {bool(child) and os.path.exists(f'/proc/{child}')}"
        """,
    )
    with sandbox.open(source, services, limits) as session:
        with session.branch():
            session.observe(STEP)
            text, child, _ = session.read({"text": "0"}).text.rsplit(" ", 2)
            assert text == "Find the milk." * 5
            assert session.read({"text": child}).text.endswith("True")
        with session.branch():
            assert session.read({"text": child}).text == " 0 False"
