"""Act out one task in an environment, with a model that chooses each command."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Self, TypeVar

from evolve.agents.llm.asking import ask_in
from evolve.agents.llm.matching import close_to, match, said_command
from evolve.agents.protocol import Conduct
from evolve.environment import Environment, Observation
from evolve.errors import InfrastructureError, ModelError
from evolve.models.chat import ChatModel, ChatRequest
from evolve.models.fitting import NO_LIMIT, Room
from evolve.models.prompts import Prompt
from evolve.models.structured import SHOWN, Unusable
from evolve.models.tokens import CHARACTERS_PER_TOKEN, estimate_tokens
from evolve.records import Step, Usage

T = TypeVar("T")

_MAY_BE_CUT = ("retrieved", "always_on", "beginning", "history", "commands")
"""Parts of the prompt that are shortened where it does not fit the model's context."""


@dataclass(frozen=True)
class Actor:
    """Model-driven agent that chooses commands until a task is done.

    Attributes:
        model: chat model that chooses.
        prompt: the file ``act.md``.
        slots: prompt values at the beginning: instruction, always_on, retrieved, goal. The last two may
            change with a step.
        max_steps: most steps per task.
        history_tokens: most tokens (estimated) for the history in a prompt, and as many for the beginning.
        commands_shown: a prompt lists the possible commands only where there are no more than this.
        room: the model's context; the oldest steps of a history that does not fit are left out.
        repeat: number of the re-run.
    """

    model: ChatModel
    prompt: Prompt
    slots: Mapping[str, str]
    max_steps: int
    history_tokens: int
    commands_shown: int
    repeat: int = 0
    room: Room = NO_LIMIT

    async def act(self, open_environment: Callable[[], Environment]) -> Conduct:
        """Open the environment, act until it is done or the steps are used up, and close it.

        Raises:
            ModelError: of kind outage or setup.
            BudgetReached: the spending limit is reached.
        """
        steps: list[Step] = []
        usage, reward, slots = Usage(), 0.0, self.slots
        try:
            async with _EnvironmentThread(open_environment) as environment:
                beginning = observation = await environment.reset()
                reward = observation.reward
                while not observation.done and len(steps) < self.max_steps:
                    command, spent, problem = await self._choose(
                        slots, beginning, steps, observation.commands
                    )
                    usage += spent
                    if problem:
                        return Conduct(tuple(steps), reward, usage, inconclusive=problem)
                    observation = await environment.step(command)
                    reward, slots = observation.reward, self._renewed(slots, observation)
                    steps.append(Step(command=command, observation=observation.text))
        except ModelError:
            raise
        except InfrastructureError as error:
            return Conduct(tuple(steps), reward, usage, inconclusive=str(error))
        return Conduct(tuple(steps), reward, usage)

    def _renewed(self, slots: Mapping[str, str], observation: Observation) -> Mapping[str, str]:
        """Return ``slots`` with the goal and the memory that came with a step."""
        slots = {**slots, "goal": observation.goal} if observation.goal else slots
        if observation.retrieved is None:
            return slots
        shown = observation.retrieved if observation.retrieved.strip() else self.prompt.say("no_memory")
        return {**slots, "retrieved": shown}

    async def _choose(
        self,
        slots: Mapping[str, str],
        beginning: Observation,
        steps: Sequence[Step],
        commands: Sequence[str],
    ) -> tuple[str, Usage, str]:
        """Return a command, its usage, and the reason if there is none.

        An impossible command is asked for again; if the second is impossible too, it is carried out as given,
        and the environment says so.
        """
        asked = await ask_in(
            self.room,
            self.model,
            lambda room: self._request(room, slots, beginning, steps, commands),
            lambda reply: self._read(reply, commands),
            lambda problem: self.prompt.say("again", problem=problem),
        )
        command = asked.value or said_command(asked.said)
        gone = bool(asked.inconclusive) or not command
        return command, asked.usage, asked.problem if gone else ""

    def _request(
        self,
        room: Room,
        slots: Mapping[str, str],
        beginning: Observation,
        steps: Sequence[Step],
        commands: Sequence[str],
    ) -> ChatRequest:
        """The question for the next command, fitted to the model's context.

        Old steps go first, down to an eighth of what the history may take; then the longest texts are cut.
        """
        fixed = {
            **slots,
            "beginning": self._bounded(beginning.text),
            "commands": self._listed(commands),
            "left": str(self.max_steps - len(steps)),
        }
        tokens = self.history_tokens
        whole = history = self._history(steps, tokens)
        while tokens > self.history_tokens // 8 and not room.holds(
            self.prompt.messages(**fixed, history=history)
        ):
            tokens //= 2
            history = self._history(steps, tokens)
        messages, left_out = room.fit(self.prompt, {**fixed, "history": history}, _MAY_BE_CUT)
        left_out += max(0, len(whole) - len(history))
        return ChatRequest(messages, cause="act", repeat=self.repeat, left_out=left_out)

    def _read(self, reply: str, commands: Sequence[str]) -> str:
        said = said_command(reply)
        if not said:
            raise Unusable(self.prompt.say("no_command"))
        if not commands:
            return said
        found = match(said, commands)
        if found is None:
            close = ", ".join(close_to(said, commands))
            raise Unusable(
                self.prompt.say("close" if close else "not_possible", said=said[:SHOWN], close=close)
            )
        return found

    def _listed(self, commands: Sequence[str]) -> str:
        if not commands:
            return self.prompt.say("not_listed")
        if len(commands) > self.commands_shown:
            return self.prompt.say("too_many", count=str(len(commands)))
        return "\n".join(commands)

    def _history(self, steps: Sequence[Step], tokens: int) -> str:
        """The last steps that fit into so many tokens, the very last in any case, if need be cut."""
        shown: list[str] = []
        left = tokens
        for step in reversed(steps):
            text = f"> {step.command}\n{step.observation}"
            left -= estimate_tokens(text)
            if left < 0 and shown:
                break
            shown.append(self._bounded(text, tokens))
        dropped = len(steps) - len(shown)
        note = [self.prompt.say("dropped", count=str(dropped))] if dropped else []
        return "\n".join((*note, *reversed(shown))) or self.prompt.say("no_steps")

    def _bounded(self, text: str, tokens: int | None = None) -> str:
        most = (self.history_tokens if tokens is None else tokens) * CHARACTERS_PER_TOKEN
        if len(text) <= most:
            return text
        return text[:most] + self.prompt.say("cut", count=str(len(text) - most))


class _EnvironmentThread:
    """An environment whose calls, which may block, are all made in one thread of its own.

    Not in the event loop's own pool: simulators that think for seconds would block everything else there. It
    is closed after the current call, even if the task is cancelled meanwhile.
    """

    def __init__(self, open_environment: Callable[[], Environment]) -> None:
        self._open = open_environment
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="environment")
        self._environment: Environment | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._call(self._begin)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        closing = self._thread.submit(self._end)
        self._thread.shutdown(wait=False)
        await asyncio.shield(asyncio.wrap_future(closing))

    async def reset(self) -> Observation:
        assert self._environment is not None
        return await self._call(self._environment.reset)

    async def step(self, command: str) -> Observation:
        assert self._environment is not None
        return await self._call(self._environment.step, command)

    def _begin(self) -> None:
        self._environment = self._open()

    def _end(self) -> None:
        if self._environment is not None:
            with suppress(InfrastructureError):  # a simulator that died has nothing left to lose
                self._environment.close()

    async def _call(self, method: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, method, *arguments)
