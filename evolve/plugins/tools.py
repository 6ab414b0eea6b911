"""Two agent tools of a memory: names, arguments, and plain OpenAI tool calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evolve.errors import EvolveError
from evolve.plugins.memory import Memory

REMEMBER = "Store a text in long-term memory: a message, a fact, a note. It is kept for later conversations."
RECALL = (
    "Look up what long-term memory holds for a question. Returns passages as they were stored, or nothing. "
    "Ask before you say that you do not know something from the past."
)
STORED = "Stored."
NOTHING = "Nothing was found."


class RememberArguments(BaseModel):
    """Arguments of ``remember``."""

    model_config = ConfigDict(extra="forbid", strict=True)
    text: str = Field(description="what to store, with names and dates written out")


class RecallArguments(BaseModel):
    """Arguments of ``recall``."""

    model_config = ConfigDict(extra="forbid", strict=True)
    question: str = Field(description="a whole question, with the names that it is about")


ARGUMENTS: Mapping[str, type[RememberArguments] | type[RecallArguments]] = {
    "remember": RememberArguments,
    "recall": RecallArguments,
}
_DESCRIPTIONS = {"remember": REMEMBER, "recall": RECALL}


def remember(memory: Memory, text: str) -> str:
    """Store ``text``, and return a confirmation for the agent."""
    memory.remember(text)
    return STORED


def recall(memory: Memory, question: str) -> str:
    """Return the recalled text, or a phrase that says there is none: an empty answer confuses models."""
    return memory.recall(question).strip() or NOTHING


def openai_tools() -> list[dict[str, Any]]:
    """Return the value of ``tools`` in a request to an OpenAI-compatible chat API."""
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": _DESCRIPTIONS[name],
                "parameters": _parameters(arguments),
            },
        }
        for name, arguments in ARGUMENTS.items()
    ]


def call_openai_tool(memory: Memory, call: Any) -> dict[str, str]:
    """Run one of a message's ``tool_calls``; return the message of role ``tool`` to send back.

    An error of the call is reported in that message, so that the model can fix it: an unknown tool, bad
    arguments, a program or a model that failed.

    Args:
        call: as the API gives it, an object of the ``openai`` package or its JSON as a dict.
    """
    given = call if isinstance(call, Mapping) else call.model_dump()
    function = given["function"]
    return {
        "role": "tool",
        "tool_call_id": given["id"],
        "content": _done(memory, function["name"], function["arguments"]),
    }


def _done(memory: Memory, name: str, arguments: str) -> str:
    if name not in ARGUMENTS:
        return f"Error: there is no tool {name!r}; there are {' and '.join(ARGUMENTS)}."
    try:
        given = ARGUMENTS[name].model_validate_json(arguments)
        if isinstance(given, RememberArguments):
            return remember(memory, given.text)
        return recall(memory, given.question)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"Error: the arguments of {name} are wrong: {f'{where}: ' if where else ''}{first['msg']}."
    except EvolveError as error:
        return f"Error: {error}"


def _parameters(arguments: type[BaseModel]) -> dict[str, Any]:
    schema = arguments.model_json_schema()
    fields = {
        name: {"type": field["type"], "description": field["description"]}
        for name, field in schema["properties"].items()
    }
    return {
        "type": "object",
        "properties": fields,
        "required": schema["required"],
        "additionalProperties": False,
    }
