from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.agents.llm import LLMAgent
from evolve.agents.llm.matching import close_to, match, said_command
from evolve.agents.protocol import Recollection
from evolve.environment import Observation
from evolve.errors import ModelError
from evolve.records import Step, Task

GOAL = "Put the apple in the fridge."
SOLUTION = ["I need it first.\nCommand: take apple", "Command: put apple in fridge"]


def act(model, parts, *worlds, max_steps=5, retrieved="The fridge is open.", **options):
    recollections = [Recollection(Task(id=f"t{n}", question=GOAL), {}, retrieved) for n in range(len(worlds))]
    agent = LLMAgent(model, **options)
    return agent.act(parts, recollections, [world.open for world in worlds], max_steps, repeat=4)


def section(text: str, tag: str) -> str:
    return text.split(f"<{tag}>\n")[1].split(f"\n</{tag}>")[0]


def test_it_acts_until_the_task_is_done(scripted, parts, kitchen):
    model = scripted(SOLUTION)
    (conduct,) = act(model, parts, kitchen)
    assert conduct.steps == (
        Step(command="take apple", observation="You hold the apple."),
        Step(command="put apple in fridge", observation="The apple is in the fridge."),
    )
    assert (conduct.reward, conduct.usage.calls, conduct.inconclusive) == (1.0, 2, "")
    assert (kitchen.opened, kitchen.closed) == (1, 1)
    assert all((request.cause, request.repeat) == ("act", 4) for request in model.asked)


def test_each_prompt_holds_goal_memory_history_and_commands(scripted, parts, kitchen):
    model = scripted(SOLUTION)
    act(model, parts, kitchen)
    first, second = model.texts
    assert section(first, "goal") == GOAL
    assert section(first, "memory") == "The fridge is open."
    assert section(first, "known") == parts.always_on
    assert section(first, "instruction") == "Be brief."
    assert section(first, "beginning") == "You are in a kitchen with a table and a fridge."
    assert section(first, "history") == "(nothing yet)"
    assert section(first, "commands") == "look\ngo to window\ntake apple"
    assert section(second, "history") == "> take apple\nYou hold the apple."
    assert "Steps left: 4." in second


def test_no_more_steps_are_made_than_allowed(scripted, parts, kitchen):
    (conduct,) = act(scripted(["Command: look"]), parts, kitchen, max_steps=3)
    assert [step.command for step in conduct.steps] == ["look"] * 3
    assert (conduct.reward, kitchen.closed) == (0.0, 1)


def test_a_command_that_is_not_possible_is_asked_for_again_with_those_that_come_close(
    scripted, parts, kitchen
):
    model = scripted(["Command: grab an apple", *SOLUTION])
    (conduct,) = act(model, parts, kitchen)
    assert [step.command for step in conduct.steps] == ["take apple", "put apple in fridge"]
    assert conduct.usage.calls == 3
    correction = model.asked[1].messages[-1]["content"]
    assert '"grab an apple" is not a possible command now.' in correction
    assert "come close: take apple." in correction


def test_said_twice_it_is_done_as_it_was_said(scripted, parts, kitchen):
    model = scripted(["Command: Dance!", "Command: Dance twice", *SOLUTION])
    (conduct,) = act(model, parts, kitchen)
    assert kitchen.received[0] == "Dance twice"
    assert conduct.reward == 1.0


@pytest.mark.parametrize("said", ["", "Command:", "<think>hm", ModelError("truncated", "It broke off.")])
def test_no_command_twice_is_inconclusive(scripted, parts, kitchen, said):
    (conduct,) = act(scripted([said]), parts, kitchen)
    assert conduct.inconclusive
    assert (conduct.steps, kitchen.closed) == ((), 1)


def test_many_commands_stay_out_of_the_prompt_and_are_matched_all_the_same(scripted, parts, make_kitchen):
    world = make_kitchen(padding=3_200)
    model = scripted(["Command: TAKE the APPLE.", "Command: take apple", "Command: put apple in fridge"])
    (conduct,) = act(model, parts, world)
    assert conduct.reward == 1.0
    assert all("examine crumb" not in text for text in model.texts)
    assert section(model.texts[0], "commands").startswith("(there are 3203, too many to list")


def test_commands_that_the_environment_does_not_say_are_done_as_they_are_said(scripted, parts, make_kitchen):
    world = make_kitchen(silent=True)
    model = scripted(["Command: TAKE IT", *SOLUTION])
    (conduct,) = act(model, parts, world)
    assert world.received == ["TAKE IT", "take apple", "put apple in fridge"]
    assert conduct.usage.calls == 3
    assert section(model.texts[0], "commands").startswith("(the environment does not list them")


def test_the_history_is_bounded_and_says_what_it_leaves_out(scripted, parts, kitchen):
    model = scripted(["Command: look"])
    act(model, parts, kitchen, max_steps=30, history_tokens=30)
    histories = [section(text, "history") for text in model.texts]
    assert histories[-1].startswith("(the first 24 steps are left out here)\n> look\n")
    assert histories[-1].count("> look") == 5
    assert max(map(len, histories)) < 30 * 4 + 60


class LongWorld:
    """Sees 10,000 letters at every step."""

    def open(self):
        return self

    def reset(self) -> Observation:
        return Observation("b" * 10_000, ("look",))

    def step(self, command: str) -> Observation:
        return Observation("s" * 10_000, ("look",))

    def close(self) -> None:
        pass


def test_one_long_observation_is_cut_in_the_prompt_and_whole_in_the_record(scripted, parts):
    model = scripted(["Command: look"])
    (conduct,) = act(model, parts, LongWorld(), max_steps=2, history_tokens=100)
    assert section(model.texts[0], "beginning") == "b" * 400 + "… (9600 more characters are left out here)"
    assert section(model.texts[1], "history").endswith("s… (9607 more characters are left out here)")
    assert [len(step.observation) for step in conduct.steps] == [10_000] * 2


@pytest.mark.parametrize("method", ["open", "reset", "step"])
def test_a_simulator_that_dies_makes_its_own_task_inconclusive(scripted, parts, make_kitchen, method):
    def script(request):
        return SOLUTION[1] if "You hold the apple." in request.messages[1]["content"] else SOLUTION[0]

    dying, living = make_kitchen(dies_in=method), make_kitchen()
    broken, fine = act(scripted(script), parts, dying, living)
    assert "The simulator died" in broken.inconclusive
    assert dying.closed == (method != "open")
    assert (fine.reward, fine.inconclusive) == (1.0, "")


def test_what_an_environment_did_not_foresee_goes_up_and_closes_it(scripted, parts, kitchen, monkeypatch):
    monkeypatch.setattr(kitchen, "step", lambda command: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        act(scripted(SOLUTION), parts, kitchen)
    assert kitchen.closed == 1


def test_an_environment_has_one_thread_of_its_own(scripted, parts, make_kitchen):
    def traced(threads: set[int]):
        world = make_kitchen()
        for name in ("open", "reset", "step", "close"):
            method = getattr(world, name)
            setattr(world, name, lambda *given, m=method: threads.add(threading.get_ident()) or m(*given))
        return world

    first, second = set(), set()
    act(scripted(["Command: look"]), parts, traced(first), traced(second), max_steps=2)
    assert len(first) == len(second) == 1
    assert threading.get_ident() not in first | second


@pytest.mark.parametrize("method", ["open", "reset", "step", "close"])
def test_one_that_is_cancelled_is_closed_after_the_call_that_goes_on(scripted, parts, make_kitchen, method):
    world = make_kitchen()
    started, released, closed = threading.Event(), threading.Event(), threading.Event()
    slow, close = getattr(world, method), world.close

    def blocking(*given):
        started.set()
        assert released.wait(timeout=30)
        return slow(*given)

    def closing():
        close()
        closed.set()

    world.close = closing
    if method == "close":
        slow = closing
    setattr(world, method, blocking)

    async def interrupted(work):
        tasks = [asyncio.ensure_future(coroutine) for coroutine in work]
        await asyncio.to_thread(started.wait)
        for _ in range(2):  # an impatient user
            for task in tasks:
                task.cancel()
            await asyncio.sleep(0)
        released.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    model = scripted(["Command: look"])
    model.run = lambda work: asyncio.run(interrupted(work))
    (result,) = act(model, parts, world, max_steps=1)
    assert isinstance(result, asyncio.CancelledError)
    assert closed.wait(timeout=30)
    assert world.closed == 1


class Meeting:
    """An environment whose step ends only when as many others are in theirs as there are places."""

    def __init__(self, barrier: threading.Barrier, counter: dict[str, int]) -> None:
        self.barrier, self.counter = barrier, counter

    def open(self):
        self.counter["open"] += 1
        self.counter["most"] = max(self.counter["most"], self.counter["open"])
        return self

    def reset(self) -> Observation:
        return Observation("begin", ("wait",))

    def step(self, command: str) -> Observation:
        self.barrier.wait(timeout=30)
        return Observation("end", reward=1.0, done=True)

    def close(self) -> None:
        self.counter["open"] -= 1


def test_tasks_are_acted_out_side_by_side_and_no_more_are_open_than_allowed(scripted, parts):
    counter = {"open": 0, "most": 0}
    worlds = [Meeting(threading.Barrier(3), counter) for _ in range(3)]
    shared = threading.Barrier(3)
    for world in worlds:
        world.barrier = shared
    conducts = act(scripted(["wait"]), parts, *worlds, environments_at_once=3)
    assert [conduct.reward for conduct in conducts] == [1.0] * 3
    counter["most"] = 0
    alone = [Meeting(threading.Barrier(1), counter) for _ in range(6)]
    act(scripted(["wait"]), parts, *alone, environments_at_once=2)
    assert (counter["open"], counter["most"]) == (0, 2)


@pytest.mark.parametrize(
    ("reply", "command"),
    [
        ("take apple", "take apple"),
        ("I see it.\nCommand: take apple", "take apple"),
        ("Command: look\nNo:\n**Command:** `take apple`", "take apple"),
        ("action:> take apple", "take apple"),
        ("```\ntake apple\n```", "take apple"),
        ('Hm.\n\n"take apple"\n', "take apple"),
        ("take apple\nCommand:", "take apple"),
        ("", ""),
        ("```\n```", ""),
    ],
)
def test_the_command_of_a_reply(reply, command):
    assert said_command(reply) == command


@pytest.mark.parametrize(
    ("said", "command"),
    [
        ("go to desk 1", "go to desk 1"),
        ("Go to Desk 1.", "go to desk 1"),
        ("go  to desk-1", "go to desk 1"),
        ("I now go to desk 1!", "go to desk 1"),
        ("go to desk 10 please", "go to desk 10"),
        ("open the box and go to desk 1", "go to desk 1"),
        ("look at desk 1", "look at desk 1"),
        ("please look at desk 1", "look at desk 1"),
        ("take pen 2", "take pen 2 from desk 1"),
        ("take pen", None),
        ("go to desk 1, go to desk 10", None),
        ("go to desk", None),
        ("fly", None),
        ("", None),
        ("?!", None),
    ],
)
def test_what_was_said_is_matched_or_not(said, command):
    commands = (
        "look",
        "look at desk 1",
        "go to desk 1",
        "go to desk 10",
        "take pen 1 from desk 1",
        "take pen 2 from desk 1",
        "!",
    )
    assert match(said, commands) == command


@given(st.text(), st.lists(st.text(max_size=12), max_size=6))
def test_a_match_is_one_of_the_commands_and_what_is_equal_always_matches(said, commands):
    assert match(said, commands) in (None, *commands)
    assert all(match(command, commands) == command for command in commands)
    assert set(close_to(said, commands)) <= set(commands)
