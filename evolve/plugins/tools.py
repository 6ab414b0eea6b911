"""Agent tools of a memory: names, arguments, and plain OpenAI tool calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evolve.errors import EvolveError, UsageError
from evolve.plugins.memory import Memory

REMEMBER = "Store a text in long-term memory: a message, a fact, a note. It is kept for later conversations."
RECALL = (
    "Look up what long-term memory holds for a question. Returns passages as they were stored, or nothing. "
    "Ask before you say that you do not know something from the past."
)
SEARCH = "List stored texts that have every word of a query, each with its id, which forget and correct take."
FORGET = "Remove stored texts for good, by id or by words. Only when the user asks; it cannot be undone."
CORRECT = "Replace a stored text that is wrong or outdated; search says its id."
FEEDBACK = "Say whether what you recalled for a question was useful, as soon as you know."
STORED, CORRECTED, NOTED = "Stored.", "Corrected.", "Noted."
NOTHING = "Nothing was found."
_SHOWN = 20
"""Texts that ``search`` lists."""


class _ToolArguments(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class RememberArguments(_ToolArguments):
    """Arguments of ``remember``."""

    text: str = Field(description="what to store, with names and dates written out")


class RecallArguments(_ToolArguments):
    """Arguments of ``recall``."""

    question: str = Field(description="a whole question, with the names that it is about")


class SearchArguments(_ToolArguments):
    """Arguments of ``search``."""

    query: str = Field(description="words that the text has, in any order")


class ForgetArguments(_ToolArguments):
    """Arguments of ``forget``."""

    id: str = Field(default="", description="id of one text, as search says it")
    query: str = Field(default="", description="words: every text that has all of them is removed")


class CorrectArguments(_ToolArguments):
    """Arguments of ``correct``."""

    id: str = Field(description="id of the text, as search says it")
    text: str = Field(description="the whole new text")


class FeedbackArguments(_ToolArguments):
    """Arguments of ``feedback``."""

    question: str = Field(description="the question, exactly as it was recalled")
    verdict: str = Field(description="useful, wrong, or the right answer")


def remember(memory: Memory, text: str) -> str:
    """Store ``text``, and return a confirmation for the agent."""
    memory.remember(text)
    return STORED


def recall(memory: Memory, question: str) -> str:
    """Return the recalled text, or a phrase that says there is none: an empty answer confuses models."""
    return memory.recall(question).strip() or NOTHING


def search(memory: Memory, query: str) -> str:
    """Return the texts that have every word of ``query``, one to the line, with their ids."""
    found = memory.search(query)
    lines = [f"{text.id}: {' '.join(text.text.split())}" for text in found[:_SHOWN]]
    more = len(found) - _SHOWN
    return "\n".join([*lines, f"... and {more} more"] if more > 0 else lines) or NOTHING


def forget(memory: Memory, id: str = "", query: str = "") -> str:
    """Remove texts by id or by words, and say how many."""
    if bool(id) == bool(query):
        raise UsageError("Give either id or query.")
    gone = memory.forget(id) if id else memory.forget(query=query)
    return f"Forgotten: {len(gone)}."


def correct(memory: Memory, id: str, text: str) -> str:
    """Replace a text, and return a confirmation."""
    memory.correct(id, text)
    return CORRECTED


def feedback(memory: Memory, question: str, verdict: str) -> str:
    """Log feedback on the last recall of ``question``, and return a confirmation."""
    memory.feedback(memory.last_recall(question), verdict)
    return NOTED


@dataclass(frozen=True)
class AgentTool:
    """Tool for an agent.

    Attributes:
        name: its name.
        description: what it is for, in words for a model.
        arguments: its arguments.
        call: takes a memory and the arguments by name, and returns a text for the model.
        changes: it changes the memory.
        destroys: it removes something.
    """

    name: str
    description: str
    arguments: type[BaseModel]
    call: Callable[..., str]
    changes: bool = True
    destroys: bool = False

    def done(self, memory: Memory, given: BaseModel) -> str:
        """Call it with checked arguments."""
        return self.call(memory, **given.model_dump())


TOOLS: Mapping[str, AgentTool] = {
    tool.name: tool
    for tool in (
        AgentTool("remember", REMEMBER, RememberArguments, remember),
        AgentTool("recall", RECALL, RecallArguments, recall, changes=False),
        AgentTool("search", SEARCH, SearchArguments, search, changes=False),
        AgentTool("forget", FORGET, ForgetArguments, forget, destroys=True),
        AgentTool("correct", CORRECT, CorrectArguments, correct, destroys=True),
        AgentTool("feedback", FEEDBACK, FeedbackArguments, feedback),
    )
}
"""Name → tool."""
USUAL = ("remember", "recall")
"""Tools of an adapter that names none."""


def named_tools(names: Iterable[str]) -> list[AgentTool]:
    """Return the tools of these names, the usual two for none.

    Raises:
        UsageError: there is no such tool.
    """
    chosen = tuple(names) or USUAL
    unknown = [name for name in chosen if name not in TOOLS]
    if unknown:
        raise UsageError(f"There is no tool {unknown[0]!r}; expected some of {', '.join(TOOLS)}.")
    return [TOOLS[name] for name in dict.fromkeys(chosen)]


def openai_tools(*names: str) -> list[dict[str, Any]]:
    """Return the value of ``tools`` in a request to an OpenAI-compatible chat API.

    Args:
        names: some of ``TOOLS``; none: remember and recall.
    """
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": _parameters(tool.arguments),
            },
        }
        for tool in named_tools(names)
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
    if name not in TOOLS:
        return f"Error: there is no tool {name!r}; there are {', '.join(TOOLS)}."
    tool = TOOLS[name]
    try:
        return tool.done(memory, tool.arguments.model_validate_json(arguments))
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
        "required": schema.get("required", []),
        "additionalProperties": False,
    }
