"""A world to act in, and a model with a script: what the agents' tests share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from evolve.environment import Environment, Observation
from evolve.errors import InfrastructureError
from evolve.models.chat import ChatModel, ChatRequest, Reply
from evolve.program import FieldSpec, Parts
from evolve.records import Usage

if TYPE_CHECKING:
    from evolve.config import RoleConfig
    from evolve.models.remote_chat import RemoteChat
    from tests.server.server import ModelServer

T = TypeVar("T")
Said = str | Exception


class ScriptedModel:
    """A chat model that says what it is told to, and keeps what it was asked.

    Args:
        script: a request → what is said, an exception to be raised in its place; or a list of them, said one
            after the other, the last for ever after.
        context_tokens: of prompt and reply together.
        reply_tokens: the most of a reply.
    """

    identity = "scripted-1"
    ask, ask_all = ChatModel.ask, ChatModel.ask_all

    def __init__(
        self,
        script: Callable[[ChatRequest], Said] | Sequence[Said],
        context_tokens: int | None = None,
        reply_tokens: int | None = None,
    ) -> None:
        self.context_tokens, self.reply_tokens = context_tokens, reply_tokens
        self._script = script
        self.asked: list[ChatRequest] = []
        self.most_at_once = self._at_once = 0

    async def answer(self, request: ChatRequest) -> Reply:
        index = len(self.asked)
        self.asked.append(request)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(0)
        self._at_once -= 1
        script = self._script
        said = script(request) if callable(script) else script[min(index, len(script) - 1)]
        if isinstance(said, Exception):
            raise said
        return Reply(said, Usage(calls=1, tokens_in=10, tokens_out=1), "scripted")

    def run(self, work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        async def gathered() -> list[T | BaseException]:
            return await asyncio.gather(*work, return_exceptions=True)

        results: list[T] = []
        for result in asyncio.run(gathered()):
            if isinstance(result, BaseException):
                raise result
            results.append(result)
        return results

    @property
    def texts(self) -> list[str]:
        """Each request's messages, joined."""
        return ["\n".join(message["content"] for message in request.messages) for request in self.asked]


class Kitchen:
    """A game of two rules: take the apple, put it in the fridge. Counts how it is opened and closed.

    Args:
        dies_in: the method in which its simulator dies.
        silent: it does not say which commands are possible.
        padding: commands that do nothing, said to be possible beside the others.
    """

    def __init__(self, dies_in: str = "", *, silent: bool = False, padding: int = 0) -> None:
        self.dies_in, self.silent, self.padding = dies_in, silent, padding
        self.opened = self.closed = 0
        self.received: list[str] = []
        self.held = False

    def open(self) -> Environment:
        self._live("open")
        self.opened += 1
        return self

    def reset(self) -> Observation:
        self._live("reset")
        self.held = False
        return self._seen("You are in a kitchen with a table and a fridge.")

    def step(self, command: str) -> Observation:
        self._live("step")
        self.received.append(command)
        if command == "take apple" and not self.held:
            self.held = True
            return self._seen("You hold the apple.")
        if command == "put apple in fridge" and self.held:
            return Observation("The apple is in the fridge.", (), reward=1.0, done=True)
        return self._seen("Nothing happens.")

    def close(self) -> None:
        self.closed += 1

    def _seen(self, text: str) -> Observation:
        possible = ["look", "go to window", "put apple in fridge" if self.held else "take apple"]
        possible += [f"examine crumb {number}" for number in range(self.padding)]
        return Observation(text, () if self.silent else tuple(possible))

    def _live(self, method: str) -> None:
        if self.dies_in == method:
            raise InfrastructureError("The simulator died.")


@pytest.fixture
def make_kitchen() -> Callable[..., Kitchen]:
    return Kitchen


@pytest.fixture
def kitchen() -> Kitchen:
    return Kitchen()


@pytest.fixture(scope="session")
def scripted() -> Callable[..., ScriptedModel]:
    """``scripted([reply, ...])`` or ``scripted(function of the request)``."""
    return ScriptedModel


@pytest.fixture
def parts() -> Parts:
    """Of a program with one field of each sort."""
    return Parts(
        instructions={
            "INSTRUCTION_KNOWLEDGE_ITEM": "Note who did what.",
            "INSTRUCTION_QUERY": "Name the person.",
            "INSTRUCTION_RESPONSE": "Be brief.",
        },
        always_on="Ann is the sister of Bob.",
        item=(
            FieldSpec("summary", "str", "What happened"),
            FieldSpec("people", "list[str]"),
            FieldSpec("year", "Optional[int]"),
            FieldSpec("weight", "float", "0 to 1", required=False),
        ),
        query=(FieldSpec("person", "str", "Who is asked about"),),
    )


@pytest.fixture
def served(
    model_server: ModelServer, role_config: Callable[..., RoleConfig]
) -> Iterator[Callable[..., RemoteChat]]:
    """``served("judge", timeout_seconds=1)``: the model ``judge`` of the test server, in that role.

    All of a test come through one gateway, litellm and HTTP; its waits are made short.
    """
    from evolve.models.gateway import Gateway

    async def short_sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / 200)

    with Gateway(sleep=short_sleep, patience_seconds=60) as gateway:
        yield lambda role, **fields: gateway.chat(role, role_config(role, **fields))
