"""Reader of an agent's calls: native ones, fenced ones, and what small models write instead."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from evolve.models.chat import ToolCall
from evolve.models.structured import Unusable, read_object, strip_thoughts
from evolve.mutation.agentic.calls import NAMES, AgentCall, BadCall, CallName, named_tool
from evolve.mutation.edits.answer import one_line
from evolve.mutation.edits.reply import Fence, is_label, scan_fences, without_label
from evolve.program.layout import with_unix_newlines
from evolve.program.parsing import UNPARSABLE, parse

_KEYS = ("name", "tool", "tool_name", "function", "action", "command")
_ARGUMENTS = ("arguments", "parameters", "args", "input", "action_input")
_LIKE_JSON = re.compile(
    rf"""["']?(?:{"|".join(_KEYS)})["']?\s*:\s*["'](?:{"|".join(NAMES)}|read_file|list_files)["']"""
)
_PLAIN = re.compile(r"[\s>$*`-]*(list|ls|read|cat|search|grep)\b:?[ \t]*(.*?)[`\s]*", re.IGNORECASE)
_RANGE = re.compile(
    r"(?P<path>\S+?)(?:[\s:,]+(?:lines?\s+)?(?P<first>\d+)(?:\s*(?:-|–|:|,|to|\s)\s*(?P<last>\d+))?)?\s*"
)
_FIRST_LINE = re.compile(r"[\s*#]*MESSAGE[\s*]*:[\s*]*(\S.*?)[\s*]*")
_OPENED = re.compile(r"^[ \t]*`{3,}[ \t]*(try|submit)[ \t]*$", re.MULTILINE | re.IGNORECASE)


def native_call(call: ToolCall, *, alone: bool = True) -> AgentCall:
    """Return the call that a model made natively.

    Raises:
        BadCall: there is no such tool, or its arguments cannot be read.
    """
    name = named_tool(call.name)
    if name is None:
        raise BadCall(f"there is no tool {call.name!r}; expected one of {', '.join(NAMES)}")
    try:
        arguments = read_object(call.arguments or "{}")
    except Unusable as error:
        raise BadCall(f"the arguments of {name} cannot be read: {error}") from None
    return _of_arguments(name, arguments, alone=alone)


def read_call(text: str) -> AgentCall:
    """Return the call in the text of a reply: a fenced block, JSON, or a plain line.

    Raises:
        BadCall: there is none.

    >>> read_call("Let me look.\\n```read\\ntraces/0-fitness.md 10-20\\n```").title
    'read traces/0-fitness.md 10-20'
    >>> read_call('<tool_call>{"name": "list", "arguments": {"folder": "traces"}}</tool_call>').path
    'traces'
    """
    plain = with_unix_newlines(strip_thoughts(text))
    if _LIKE_JSON.search(plain) and (found := _json_call(plain)) is not None:
        return found
    calls = list(_fenced_calls(plain))
    if calls:
        return calls[0] if len(calls) == 1 else _replaced(calls[0], alone=False)
    if (found := _plain_call(plain)) is not None:
        return found
    raise BadCall("there is no fenced block that names a tool" if plain.strip() else "the answer is empty")


def _json_call(text: str) -> AgentCall | None:
    try:
        value = read_object(text, (*_KEYS, *_ARGUMENTS))
    except Unusable:
        return None
    given = next((value[key] for key in _KEYS if isinstance(value.get(key), str)), "")
    name = named_tool(given)
    if name is None:
        return None
    inner = next((value[key] for key in _ARGUMENTS if key in value), value)
    if isinstance(inner, str):
        inner = {"path": inner, "text": inner, "code": inner}
    return _of_arguments(name, inner if isinstance(inner, dict) else {}, alone=True)


def _of_arguments(name: CallName, given: Mapping[str, Any], *, alone: bool) -> AgentCall:
    lower = {str(key).lower(): value for key, value in given.items()}

    def text(*keys: str) -> str:
        found = next((lower[key] for key in keys if isinstance(lower.get(key), str)), "")
        return found.strip("\n")

    def number(default: int, *keys: str) -> int:
        found = next((lower[key] for key in keys if key in lower), default)
        try:
            return max(0, int(found))
        except (TypeError, ValueError):
            return default

    code = text("code", "program", "source", "definitions", "content")
    match name:
        case "list":
            return AgentCall(name, path=text("folder", "path", "directory"), alone=alone)
        case "read":
            path = text("path", "file", "file_path", "filename")
            if not path:
                raise BadCall("read needs the path of a file")
            first = number(1, "first", "start", "start_line", "from", "offset") or 1
            last = number(0, "last", "end", "end_line", "to")
            return AgentCall(name, path=path, first=first, last=last, alone=alone)
        case "search":
            sought = text("text", "pattern", "query", "regex", "words")
            if not sought:
                raise BadCall("search needs a text")
            return AgentCall(name, path=text("folder", "path"), text=sought, alone=alone)
        case "python" | "try":
            if not code.strip():
                raise BadCall(f"{name} needs code")
            return AgentCall(name, text=code, alone=alone)
        case "submit":
            return AgentCall(name, text=code, message=one_line(text("message", "summary")), alone=alone)


def _fenced_calls(text: str) -> Iterator[AgentCall]:
    """Yield the calls of the fenced blocks, and of an unclosed one."""
    opened = _OPENED.search(text)
    message = _message_in(text)
    fences = scan_fences(text)
    for fence in fences:
        name, body = _split(fence)
        if name is None:
            continue
        if name == "python" and _is_change(body, message):
            wrapped = opened[1].lower() if opened else "submit" if message else "try"
            name = "submit" if wrapped == "submit" else "try"
        yield _of_block(name, body, message)


def _split(fence: Fence) -> tuple[CallName | None, str]:
    """Return the tool that a block names, by its info string or its first word, and the rest of the block."""
    info, *more = fence.info.split(None, 1) or [""]
    name = named_tool(info)
    if name is not None:
        rest = f"{more[0]}\n{fence.code}" if more and name in ("list", "read", "search") else fence.code
        return name, rest.strip("\n")
    first, _, rest = fence.code.strip("\n").partition("\n")
    word, _, tail = first.strip().lstrip("$> ").partition(" ")
    name = named_tool(word.rstrip(":"))
    if name is None:
        return None, ""
    return name, f"{tail}\n{rest}".strip("\n")


def _of_block(name: CallName, body: str, message: str) -> AgentCall:
    match name:
        case "list":
            return AgentCall(name, path=_unquoted(body.strip().split("\n")[0]))
        case "read":
            return _read(body)
        case "search":
            if not body.strip():
                raise BadCall("search needs a text")
            return AgentCall(name, text=_unquoted(body.strip().split("\n")[0]))
        case "python":
            if not body.strip():
                raise BadCall("python needs code")
            return AgentCall(name, text=body)
        case "try" | "submit":
            inside, code = _without_message(body)
            if name == "try" and not code.strip():
                raise BadCall("try needs code: the changed definitions")
            return AgentCall(name, text=code.strip("\n"), message=inside or message)


def _without_message(body: str) -> tuple[str, str]:
    """Return the message in the first line of a block, or in its last one, and the code without it."""
    first, _, rest = body.strip("\n").partition("\n")
    found = _FIRST_LINE.fullmatch(first)  # a message of one word looks like an annotation
    return (one_line(found[1]), rest) if found else without_label(body)


def _read(body: str) -> AgentCall:
    line = body.strip().split("\n")[0].strip()
    found = _RANGE.fullmatch(line)
    if found is None or not line:
        raise BadCall(f"read needs a path and perhaps a range of lines, found {line[:80]!r}")
    first, last = int(found["first"] or 1), int(found["last"] or 0)
    return AgentCall("read", path=_unquoted(found["path"]), first=max(1, first), last=last)


def _plain_call(text: str) -> AgentCall | None:
    """Return the call of the last line, if it is one without a fence."""
    lines = [line for line in text.split("\n") if line.strip()]
    found = _PLAIN.fullmatch(lines[-1]) if lines else None
    if found is None:
        return None
    name, rest = named_tool(found[1]), found[2]
    try:
        if name == "read" and "." in rest.partition(" ")[0]:
            return _read(rest)
        if name == "list" and len(rest.split()) <= 1:
            return AgentCall("list", path=_unquoted(rest))
        if name == "search" and 0 < len(rest.split()) <= 6:
            return AgentCall("search", text=_unquoted(rest))
    except BadCall:
        return None
    return None


def _message_in(text: str) -> str:
    """Return the commit message that stands outside of the blocks."""
    for line in text.split("\n"):
        if is_label(line) and ":" in line and (said := without_label(f"{line}\n")[0]):
            return said
    return ""


def _is_change(code: str, message: str) -> bool:
    """Return whether a block of Python changes the program, rather than being a script to run."""
    if without_label(code)[0]:
        return True
    try:
        body = parse(code).body
    except UNPARSABLE:
        return bool(message)
    methods = [node for node in body if getattr(node, "args", None) is not None and _of_self(node)]
    return bool(methods) and (bool(message) or len(methods) == len(body))


def _of_self(node: Any) -> bool:
    return bool(getattr(node.args, "args", ())) and node.args.args[0].arg == "self"


def _unquoted(text: str) -> str:
    return text.strip().strip("`'\"").removeprefix("./")


def _replaced(call: AgentCall, *, alone: bool) -> AgentCall:
    return AgentCall(call.name, call.path, call.first, call.last, call.text, call.message, alone)


def as_text(call: ToolCall) -> str:
    """Return a native call as text, for a server that takes no tools."""
    try:
        found = native_call(call)
    except BadCall:
        return json.dumps({"name": call.name, "arguments": call.arguments})
    lines = [found.path if found.name in ("list", "read") else found.text]
    if found.name == "read" and (found.first > 1 or found.last):
        lines[0] += f" {found.first}-{found.last or ''}".rstrip("-")
    if found.name == "submit":
        lines.insert(0, f"MESSAGE: {found.message}")
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`{3,}", found.text)), default=0))
    body = "\n".join(lines)
    return f"{ticks}{found.name}\n{body}\n{ticks}"
