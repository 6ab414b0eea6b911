"""Calls that an agent can make: names, schemas and examples of its tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from evolve.models.tool_calls import Tool
from evolve.mutation.edits.answer import one_line

CallName = Literal["list", "read", "search", "python", "try", "submit"]
NAMES: tuple[CallName, ...] = get_args(CallName)
_TEXT = {"type": "string"}
_WHOLE_NUMBER = {"type": "integer"}
_CODE = "Changed definitions (each function, method, class or constant whole), or a whole program."
_FIELDS: Mapping[CallName, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "list": ("List the files, or those of one folder.", {"folder": _TEXT}, ()),
    "read": (
        "Read lines of a file.",
        {"path": _TEXT, "first": _WHOLE_NUMBER, "last": _WHOLE_NUMBER},
        ("path",),
    ),
    "search": (
        "Find lines by a regular expression, or by words.",
        {"text": _TEXT, "folder": _TEXT},
        ("text",),
    ),
    "python": (
        "Run Python in the folder of the files; print what you want to see.",
        {"code": _TEXT},
        ("code",),
    ),
    "try": (
        "Check a change of the parent and score it on a few tasks of the minibatch.",
        {"code": {**_TEXT, "description": _CODE}},
        ("code",),
    ),
    "submit": (
        "Submit a change of the parent as the candidate. Without code: the program that was tried last.",
        {
            "message": {**_TEXT, "description": "What is changed and why."},
            "code": {**_TEXT, "description": _CODE},
        },
        ("message",),
    ),
}
_EXAMPLES: Mapping[CallName, str] = {
    "list": "```list\ntraces\n```",
    "read": "```read\ntraces/0-fitness.md 1-60\n```",
    "search": "```search\nnot_retrieved\n```",
    "python": '```python\nimport json\nprint(len(open("lineage.md").read()))\n```',
    "try": "```try\ndef read(self, query):\n    ...\n```",
    "submit": "```submit\nMESSAGE: what you change and why\ndef read(self, query):\n    ...\n```",
}
_ALIASES: dict[str, CallName] = {
    "ls": "list", "dir": "list", "list_files": "list", "cat": "read", "open": "read", "view": "read",
    "read_file": "read", "grep": "search", "find": "search", "rg": "search", "run": "python", "py": "python",
    "python3": "python", "test": "try", "evaluate": "try", "final": "submit", "answer": "submit",
}  # fmt: skip


class BadCall(Exception):
    """Reply without a call that can be carried out; the text says what was found."""


@dataclass(frozen=True)
class AgentCall:
    """Call of a tool.

    Attributes:
        name: the tool.
        path: a file or folder, for ``list``, ``read`` and ``search``.
        first: first line to read, from 1.
        last: last line to read; 0 for the end.
        text: search text, or code.
        message: message of a submission.
        alone: there was no second call in the reply.
    """

    name: CallName
    path: str = ""
    first: int = 1
    last: int = 0
    text: str = ""
    message: str = ""
    alone: bool = True

    @property
    def title(self) -> str:
        """The call in one line."""
        if self.name == "read":
            return f"read {self.path} {self.first}-{self.last or 'end'}"
        said = self.message if self.name == "submit" else self.path if self.name == "list" else self.text
        return one_line(f"{self.name} {said}".strip(), 100)


def tools_of(names: tuple[CallName, ...] = NAMES) -> tuple[Tool, ...]:
    """Return the tools of these names."""
    found = []
    for name in names:
        description, properties, required = _FIELDS[name]
        schema = {"type": "object", "properties": properties, "required": list(required)}
        found.append(Tool(name, description, schema))
    return tuple(found)


def examples_of(names: tuple[CallName, ...] = NAMES) -> str:
    """Return an example of each tool in the fenced form, with its purpose."""
    return "\n\n".join(f"{_FIELDS[name][0]}\n{_EXAMPLES[name]}" for name in names)


def example_of_call(name: str) -> str:
    """Return an example of a tool in the fenced form; of ``read`` for an unknown name."""
    return _EXAMPLES.get(named_tool(name) or "read", _EXAMPLES["read"])


def named_tool(word: str) -> CallName | None:
    """Return the tool that a word names, by its name or by that of a like command; None for another word."""
    lower = word.strip().strip("`*'\"").lower()
    exact: dict[str, CallName] = {name: name for name in NAMES}
    return exact.get(lower) or _ALIASES.get(lower)
