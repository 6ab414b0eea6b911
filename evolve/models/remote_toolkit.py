"""Model behind ``toolkit.llm_completion``: validation of a program's requests, and attribution of
failures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evolve.errors import EvolveError, ModelError, ProgramError
from evolve.models.chat import ChatRequest, Message, Reply
from evolve.models.remote_chat import RemoteChat
from evolve.models.structured import strip_thoughts
from evolve.records import Completion

_ROLES = ("system", "user", "assistant")
_NUMBERS: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}
OPTIONS = (*_NUMBERS, "max_tokens", "seed", "stop", "response_format")
"""Options that a program may set; all others are the campaign's."""
_LONGEST = 1_000_000  # tokens; more is no limit


class RemoteToolkit:
    """Toolkit model, which programs reach from their sandbox. Thread-safe.

    Args:
        chat: asks the model.
    """

    def __init__(self, chat: RemoteChat) -> None:
        self._chat = chat

    @property
    def identity(self) -> str:
        """The model and its parameters."""
        return self._chat.identity

    def complete(
        self, messages: list[dict[str, str]], options: dict[str, Any], repeat: int = 0
    ) -> Completion:
        """Return the answer to ``messages``; one that reached the program's own ``max_tokens`` is an answer
        too.

        Raises:
            ProgramError: ``contract`` for invalid messages or options, ``budget`` for a prompt that does not
                fit the model.
            ModelError: any other failure.
            BudgetReached: the campaign's spending limit, not the program's.
        """
        (outcome,) = self.complete_all([(messages, options)], repeat)
        if isinstance(outcome, EvolveError):
            raise outcome
        return outcome

    def complete_all(
        self, asked: Sequence[tuple[list[dict[str, str]], dict[str, Any]]], repeat: int = 0
    ) -> list[Completion | EvolveError]:
        """Return the result of ``complete`` for each of ``asked``, or the error it raises; all are in flight
        at once.
        """
        outcomes = self._chat.run([self._outcome(messages, options, repeat) for messages, options in asked])
        return [outcome for (outcome,) in outcomes]

    def kept(
        self, messages: list[dict[str, str]], options: dict[str, Any], repeat: int = 0
    ) -> Completion | None:
        """Return the cached answer of the re-run ``repeat``, or None; accounted as a call that the cache
        answered.

        Raises:
            ProgramError: the program made a request that no model can answer.
        """
        request = _request(messages, options, repeat)
        reply = self._chat.recorded(request, partial=_may_be_cut(options), accounted=True)
        return None if reply is None else _completion(reply)

    async def _outcome(
        self, messages: list[dict[str, str]], options: dict[str, Any], repeat: int
    ) -> tuple[Completion | EvolveError]:
        """Return the outcome in a tuple, since an error that is a result would be taken for one that was
        raised.
        """
        try:
            return (await self._answer(_request(messages, options, repeat), _may_be_cut(options)),)
        except EvolveError as error:
            return (error,)

    async def _answer(self, request: ChatRequest, partial: bool) -> Completion:
        try:
            reply = await self._chat.answer(request, partial=partial)
        except ModelError as error:
            if error.kind != "too_long":
                raise
            characters = sum(len(message["content"]) for message in request.messages)
            raise ProgramError(
                "budget",
                f"llm_completion was given {characters} characters, more than the model's context holds; "
                "give it less",
            ) from error
        return _completion(reply)

    def recorded(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion | None:
        """Return the cached answer to exactly this request, or None. Asks no model.

        Raises:
            ProgramError: the program made a request that no model can answer.
        """
        reply = self._chat.recorded(_request(messages, options), partial=_may_be_cut(options))
        return None if reply is None else _completion(reply)


def _completion(reply: Reply) -> Completion:
    """Return the completion for the program: the text after the model's thoughts."""
    return Completion(text=strip_thoughts(reply.text), usage=reply.usage)


def _may_be_cut(options: Mapping[str, Any]) -> bool:
    """Return whether the program expects that the answer may be cut off."""
    return "max_tokens" in options


def _request(messages: list[dict[str, str]], options: dict[str, Any], repeat: int = 0) -> ChatRequest:
    checked = tuple(_message(message) for message in messages)
    if not checked:
        raise ProgramError("contract", "llm_completion was given no messages; give it at least one")
    _check(options)
    return ChatRequest(checked, "toolkit", options=options, repeat=repeat)


def _message(message: Any) -> Message:
    known = isinstance(message, dict) and set(message) == {"role", "content"}
    if not known or message["role"] not in _ROLES or not isinstance(message["content"], str):
        raise ProgramError(
            "contract",
            'llm_completion expects messages of the form {"role": "system" | "user" | "assistant", '
            f'"content": "..."}}, found {message!r:.200}',
        )
    return Message(role=message["role"], content=message["content"])


def _check(options: Mapping[str, Any]) -> None:
    for name, value in options.items():
        if expected := _expected(name, value):
            raise ProgramError("contract", f"llm_completion: {expected}, found {name}={value!r:.100}")


def _expected(name: str, value: Any) -> str:
    """Return the expected value of an option that has another; empty if it is valid."""
    if name in _NUMBERS:
        low, high = _NUMBERS[name]
        fits = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        return "" if fits else f"expected a number from {low} to {high}"
    if name == "max_tokens":
        return "" if _is_whole(value) and 1 <= value <= _LONGEST else "expected a whole number above 0"
    if name == "seed":
        return "" if _is_whole(value) else "expected a whole number"
    if name == "stop":
        texts = [value] if isinstance(value, str) else value
        fits = isinstance(texts, list) and 1 <= len(texts) <= 4 and all(isinstance(t, str) for t in texts)
        return "" if fits else "expected a string, or one to four of them"
    if name == "response_format":
        return "" if isinstance(value, dict) and isinstance(value.get("type"), str) else "expected a format"
    return f"expected only the options {', '.join(OPTIONS)}"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
