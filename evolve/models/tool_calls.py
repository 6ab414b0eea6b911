"""Tools that a chat model may call: native calls where the server takes them, else commands in the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic import JsonValue

from evolve.config.sections import ToolForm
from evolve.models.chat import Message


@dataclass(frozen=True)
class Tool:
    """Function that a model may call.

    Attributes:
        name: its name.
        description: purpose, in a sentence.
        parameters: JSON schema of its arguments, an object.
    """

    name: str
    description: str
    parameters: Mapping[str, JsonValue]

    @property
    def sent(self) -> dict[str, Any]:
        """The tool as APIs take it."""
        function = {
            "name": self.name,
            "description": self.description,
            "parameters": dict(self.parameters),
        }
        return {"type": "function", "function": function}


@dataclass(frozen=True)
class Toolset:
    """Tools of a request.

    Attributes:
        tools: the tools.
        told: text for the system message where the server takes no tools: how to write a call in the text.
        form: ``native`` and ``fenced`` fix the form; ``auto`` negotiates it with the server.

    Example:
        >>> tool = Tool("list", "List files.", {"type": "object", "properties": {}})
        >>> [one["function"]["name"] for one in Toolset((tool,), "Write a fenced command.").sent]
        ['list']
    """

    tools: tuple[Tool, ...]
    told: str
    form: ToolForm = "auto"

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The tools as APIs take them."""
        return [tool.sent for tool in self.tools]

    @property
    def key(self) -> JsonValue:
        """Everything that decides replies, for the key of a cache."""
        return [cast("JsonValue", self.sent), self.told, self.form]


def native(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return a conversation with its calls and results in the form of the APIs.

    >>> native(({"role": "user", "content": "a.py", "result_of": "c1"},))
    ({'role': 'tool', 'tool_call_id': 'c1', 'content': 'a.py'},)
    """
    return tuple(_native(message) for message in messages)


def in_text(messages: Sequence[Message], told: str = "") -> tuple[Message, ...]:
    """Return a conversation with its calls as text, and ``told`` at the end of its system message."""
    plain: list[Message] = [{"role": one["role"], "content": one["content"]} for one in messages]
    if not told:
        return tuple(plain)
    if plain and plain[0]["role"] == "system":
        return ({"role": "system", "content": f"{plain[0]['content']}\n\n{told}"}, *plain[1:])
    return ({"role": "system", "content": told}, *plain)


def _native(message: Message) -> Message:
    if "result_of" in message:
        sent = {"role": "tool", "tool_call_id": message["result_of"], "content": message["content"]}
    elif message.get("calls"):
        calls = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
            for c in message.get("calls", ())
        ]
        sent = {"role": "assistant", "content": message.get("prose") or None, "tool_calls": calls}
    else:
        sent = {"role": message["role"], "content": message["content"]}
    return cast("Message", sent)
