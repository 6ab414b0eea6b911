"""Act in an environment by rule: at each step, the command that the policy values most."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from evolve.agents.protocol import Conduct
from evolve.agents.rules.policy import Policy
from evolve.environment import Environment
from evolve.errors import InfrastructureError
from evolve.models.tokens import estimate_usage
from evolve.records import Step, Usage


def act(
    open_environment: Callable[[], Environment],
    goal: str,
    retrieved: str,
    always_on: str,
    max_steps: int,
    instruction: str,
) -> Conduct:
    """Act out one task with its memory, until it is done or ``max_steps`` steps were made.

    Args:
        open_environment: opens the environment; it is closed here.
        goal: the goal.
        retrieved: knowledge from the memory; the environment may come with another text after a step.
        always_on: always-on knowledge.
        max_steps: the most steps.
        instruction: text that a model would have to read before each step with goal and memory, for the
            estimate of tokens.
    """
    steps: list[Step] = []
    usage, reward = Usage(), 0.0
    memory = f"{retrieved}\n{always_on}"
    policy = Policy(goal, memory)
    try:
        with _opened(open_environment) as environment:
            observation = environment.reset()
            reward = observation.reward
            policy.observe("", observation)
            while not observation.done and len(steps) < max_steps:
                command = policy.choose(observation.commands)
                prompt = f"{instruction}\n{memory}\n{goal}"
                usage += estimate_usage((prompt, observation.text, *observation.commands), command)
                observation = environment.step(command)
                policy.observe(command, observation)
                if observation.goal or observation.retrieved is not None:
                    goal = observation.goal or goal
                    if observation.retrieved is not None:
                        memory = f"{observation.retrieved}\n{always_on}"
                    policy = policy.renewed(goal, memory)
                reward = observation.reward
                steps.append(Step(command=command, observation=observation.text))
    except InfrastructureError as error:
        return Conduct(tuple(steps), reward, usage, inconclusive=str(error))
    return Conduct(tuple(steps), reward, usage)


@contextmanager
def _opened(open_environment: Callable[[], Environment]) -> Iterator[Environment]:
    environment = open_environment()
    try:
        yield environment
    finally:
        with suppress(InfrastructureError):  # a simulator that died has nothing left to lose
            environment.close()
