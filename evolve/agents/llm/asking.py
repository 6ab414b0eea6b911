"""Ask a model for a reply of a given form, once more if the reply has another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from evolve.errors import ModelError
from evolve.models.chat import ChatModel, ChatRequest, Message
from evolve.models.fitting import NO_LIMIT, Room
from evolve.models.structured import Unusable, strip_thoughts
from evolve.records import CallResult, Usage

T = TypeVar("T")

ATTEMPTS = 2


@dataclass(frozen=True)
class Asked(CallResult, Generic[T]):
    """Result of a question: a value, or the reason (``unusable`` or ``inconclusive``) why there is none.

    Attributes:
        value: the value read from the reply.
        usage: tokens and USD of all attempts that were answered.
        unusable: the error in the last of ``ATTEMPTS`` replies.
        said: the last words that the model gave, if any.
        too_long: inconclusive because the prompt does not fit the model's context.
    """

    value: T | None
    usage: Usage
    unusable: str = ""
    said: str = ""
    too_long: bool = False

    @property
    def problem(self) -> str:
        """Reason why there is no value; empty if there is one."""
        return self.inconclusive or (
            f"no usable reply, asked {ATTEMPTS} times: {self.unusable}" if self.unusable else ""
        )


async def ask_in(
    room: Room,
    model: ChatModel,
    request: Callable[[Room], ChatRequest],
    read: Callable[[str], T],
    again: Callable[[str], str],
) -> Asked[T]:
    """Ask like ``ask``, with a prompt that is fitted to the model's context.

    Tokens are estimated: a prompt that the server finds too long is fitted once more to three quarters of
    the room.

    Args:
        room: of the model.
        model: who is asked.
        request: made for a room.
        read: see ``ask``.
        again: see ``ask``.
    """
    try:
        asked = await ask(model, request(room), read, again, room)
        if not asked.too_long or room.context is None:
            return asked
        smaller = await ask(model, request(room.smaller()), read, again, room.smaller())
        return dataclasses.replace(smaller, usage=asked.usage + smaller.usage)
    except ModelError as error:
        if error.kind != "too_long":
            raise
        return Asked(None, Usage(), inconclusive=str(error), too_long=True)


async def ask(
    model: ChatModel,
    request: ChatRequest,
    read: Callable[[str], T],
    again: Callable[[str], str],
    room: Room = NO_LIMIT,
) -> Asked[T]:
    """Ask, read the reply, and ask once more with the exact error where it cannot be read.

    A truncated answer counts as one that cannot be read. A malformed one is the provider's fault: the same is
    asked once more, and then the result is inconclusive. After any other failure asking again would not help.
    Features that a server refuses, such as a schema, are negotiated before (``models.negotiation``).

    Args:
        model: the model to ask.
        request: the request.
        read: returns the value of a reply, stripped of thoughts; raises ``Unusable`` with the fault.
        again: makes the next message to the model from the error.
        room: of the model; a reply that cannot be read is not quoted where it does not fit.

    Raises:
        ModelError: of kind outage or setup.
        BudgetReached: the spending limit is reached.
    """
    usage, said, problem, faulty = Usage(), "", "", ""
    for _ in range(ATTEMPTS):
        words = ""
        try:
            reply = await model.answer(request)
            usage += reply.usage
            words = strip_thoughts(reply.text)
            said = words or said
            return Asked(read(words), usage, said=words)
        except Unusable as error:
            problem = str(error)
        except ModelError as error:
            if not error.of_this_call:
                raise
            if error.kind == "malformed" and not faulty:  # by the provider, and no fault of the model's
                faulty = str(error)
                continue
            if error.kind != "truncated":
                too_long = error.kind == "too_long"
                return Asked(None, usage, inconclusive=str(error), said=said, too_long=too_long)
            problem = str(error)
        quoting = _continued(request, words, again(problem))
        request = quoting if room.holds(quoting.messages) else _continued(request, "", again(problem))
    if faulty:
        return Asked(None, usage, inconclusive=faulty, said=said)
    return Asked(None, usage, unusable=problem, said=said)


def _continued(request: ChatRequest, words: str, correction: str) -> ChatRequest:
    """Return the conversation with the last reply and its fault; turns of the two sides alternate."""
    *before, last = request.messages
    if words:
        turns: tuple[Message, ...] = (
            last,
            {"role": "assistant", "content": words},
            {"role": "user", "content": correction},
        )
    else:  # some providers refuse an empty turn, others two of the same side
        turns = ({"role": last["role"], "content": f"{last['content']}\n\n{correction}"},)
    return dataclasses.replace(request, messages=(*before, *turns))
