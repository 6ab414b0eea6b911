"""Act in an environment by rule: take the command that shares most words with the goal and the memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from evolve.agents.protocol import Conduct
from evolve.environment import Environment
from evolve.errors import InfrastructureError
from evolve.models.passages import overlap_scores, split_passages
from evolve.models.tokens import estimate_usage
from evolve.records import Step, Usage

LOOK = "look"
"""What is done where nothing else is known that could be."""
COMMAND_WORDS = 8
"""A passage of the memory with at most so many words may be a command that was noted."""


def act(
    open_environment: Callable[[], Environment],
    goal: str,
    memory: str,
    max_steps: int,
    prompt: str,
) -> Conduct:
    """Act out one task with one memory, until it is done or ``max_steps`` steps were made.

    Args:
        open_environment: opens the environment; it is closed here.
        goal: what is to be reached.
        memory: what is known: retrieved, and always on.
        max_steps: the most steps.
        prompt: what a model would have to read before each step, for the estimate of tokens.
    """
    steps: list[Step] = []
    usage, reward = Usage(), 0.0
    done: Counter[str] = Counter()
    try:
        with _opened(open_environment) as environment:
            observation = environment.reset()
            reward = observation.reward
            while not observation.done and len(steps) < max_steps:
                command = choose(observation.commands, f"{goal}\n{memory}", memory, done)
                usage += estimate_usage((prompt, observation.text, *observation.commands), command)
                done[command] += 1
                observation = environment.step(command)
                reward = observation.reward
                steps.append(Step(command=command, observation=observation.text))
    except InfrastructureError as error:
        return Conduct(tuple(steps), reward, usage, inconclusive=str(error))
    return Conduct(tuple(steps), reward, usage)


def choose(commands: Sequence[str], wanted: str, memory: str, done: Mapping[str, int]) -> str:
    """The command that shares the rarest words with ``wanted``; one made n times counts 1 / (n + 1).

    Equals are told apart by how often they were made, then by their order. Where the environment names no
    command, the short lines of the memory are tried, each once, then ``LOOK``.
    """
    if not commands:
        commands = [line for line in noted_commands(memory) if not done.get(line)] or [LOOK]
    scores = overlap_scores(wanted, commands)

    def preference(index: int) -> tuple[float, int, int]:
        times = done.get(commands[index], 0)
        return (-scores[index] / (times + 1), times, index)

    return commands[min(range(len(commands)), key=preference)]


@contextmanager
def _opened(open_environment: Callable[[], Environment]) -> Iterator[Environment]:
    environment = open_environment()
    try:
        yield environment
    finally:
        with suppress(InfrastructureError):  # a simulator that died has nothing left to lose
            environment.close()


def noted_commands(memory: str) -> list[str]:
    """The lines of ``memory`` that are short enough to be commands, in lower case, without repeats."""
    lines = (passage.lstrip("> -*").rstrip(".").lower() for passage in split_passages(memory))
    return list(dict.fromkeys(line for line in lines if 0 < len(line.split()) <= COMMAND_WORDS))
