"""Conversation of an agent, fitted to its model's context by dropping the oldest results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from evolve.errors import ModelError
from evolve.models.chat import Message, ToolCall
from evolve.models.fitting import LEAST, Room, shortened
from evolve.mutation.agentic.commands import as_text

_GONE = "[The result of `{title}` ({size:,} characters) is left out to save space; call again to see it.]"
_SHORT_TURN = 400


@dataclass
class Turn:
    """Call of the agent, with its result.

    Attributes:
        said: text of the reply.
        calls: the native call of the reply, if it made one.
        title: the call in one line.
        result: text that answers it.
    """

    said: str
    calls: tuple[ToolCall, ...]
    title: str
    result: str


@dataclass
class Dialogue:
    """Opening of a conversation, and its turns.

    Attributes:
        opening: system and first user message.
        turns: the turns, oldest first.
    """

    opening: tuple[Message, ...]
    turns: list[Turn] = field(default_factory=list)

    def messages(self, room: Room) -> tuple[tuple[Message, ...], int]:
        """Return the messages that fit ``room``, and the number of characters left out.

        The oldest results go first, then the oldest replies are shortened; the last result is shortened at
        the end.

        Raises:
            ModelError: of kind ``too_long``: the opening and the last turn do not fit.
        """
        results = [turn.result for turn in self.turns]
        replies = [turn.said for turn in self.turns]
        for place, turn in enumerate(self.turns[:-1]):
            if room.holds(self._built(replies, results)):
                break
            gone = _GONE.format(title=turn.title or "no call", size=len(turn.result))
            results[place] = min(turn.result, gone, key=len)
        for place, turn in enumerate(self.turns[:-1]):
            if room.holds(self._built(replies, results)):
                break
            replies[place] = shortened(turn.said, _SHORT_TURN)
        while self.turns and not room.holds(self._built(replies, results)) and len(results[-1]) > LEAST:
            results[-1] = shortened(self.turns[-1].result, max(LEAST, len(results[-1]) * 2 // 3))
        built = self._built(replies, results)
        if not room.holds(built):
            raise ModelError(
                "too_long",
                f"The opening of an agent and its last turn do not fit the context of {room.model}.",
                remedy="Use a model with a longer context, or --proposer completion.",
            )
        before = sum(len(turn.said) + len(turn.result) for turn in self.turns)
        return built, before - sum(map(len, (*replies, *results)))

    def _built(self, replies: Sequence[str], results: Sequence[str]) -> tuple[Message, ...]:
        messages: list[Message] = list(self.opening)
        for turn, said, result in zip(self.turns, replies, results, strict=True):
            if turn.calls:
                call = turn.calls[0]
                content = f"{said}\n\n{as_text(call)}".strip()
                made = {"role": "assistant", "content": content, "prose": said, "calls": [call]}
                messages.append(cast("Message", made))
                messages.append({"role": "user", "content": result, "result_of": call.id})
            else:
                messages.append({"role": "assistant", "content": said or "(nothing)"})
                messages.append({"role": "user", "content": result})
        return tuple(messages)
