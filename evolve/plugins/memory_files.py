"""Files below ``/memories`` that are texts of a memory: the protocol of Anthropic's memory tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evolve.errors import EvolveError, UsageError
from evolve.plugins.memory import Memory

ROOT = "/memories"
_NUMBER_WIDTH = 6
_AROUND = 2
"""Lines that are shown before and after a change."""


class MemoryFiles:
    """Files of a model, each a text of a memory whose id is its path.

    The text has the path in its first line, as a heading, so that the program's ``recall`` finds what the
    model wrote under it. Texts that were not written here are no files. Each change of a file has the program
    read all texts again (``Memory.correct``, ``Memory.forget``); to create one does not. ``rename`` writes
    anew: the text comes last then, with its old time.

    Args:
        memory: owned by the caller.

    Example:
        >>> import tempfile
        >>> import evolve
        >>> few = {"evaluation.static": 4, "evaluation.test": 4}
        >>> found = evolve.run(programs=["lexical"], max_candidates=0, sandbox="process", settings=few)
        >>> memory = evolve.load(found.run.export("mine", out=tempfile.mkdtemp()), trust=True)
        >>> files = MemoryFiles(memory)
        >>> files.create("/memories/ada.md", "Ada moved to Lisbon.")
        'File created successfully at: /memories/ada.md'
        >>> "Lisbon" in memory.recall("Where does Ada live?")
        True
        >>> memory.close()
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def answer(self, command: Mapping[str, Any]) -> tuple[str, bool]:
        """Do ``command``, the input of a tool call, and return the text for the model and whether it failed.

        Failures of the program or the disk are told to the model, too.
        """
        arguments = {name: value for name, value in command.items() if name != "command"}
        method = {
            "view": self.view,
            "create": self.create,
            "str_replace": self.str_replace,
            "insert": self.insert,
            "delete": self.delete,
            "rename": self.rename,
        }.get(str(command.get("command")))
        if method is None:
            return f"Unknown command: {command.get('command')!r:.80}", True
        try:
            return method(**arguments), False
        except TypeError as error:
            return f"Wrong arguments of {command['command']}: {error}", True
        except EvolveError as error:
            return str(error), True

    def view(self, path: str, view_range: Sequence[int] | None = None) -> str:
        """Return the numbered lines of a file, or the names in a directory; UsageError where neither is."""
        path = _checked(path)
        files = self._files()
        if path not in files:
            return _listing(path, files)
        lines, first = files[path].split("\n"), 1
        if view_range is not None and len(view_range) == 2:
            first = max(1, view_range[0])
            lines = lines[first - 1 : None if view_range[1] == -1 else view_range[1]]
        return f"Here's the content of {path} with line numbers:\n{_numbered(lines, first)}"

    def create(self, path: str, file_text: str) -> str:
        """Store a new file; UsageError where there is one."""
        path = _checked(path)
        files = self._files()
        if path in files:
            raise UsageError(f"File {path} already exists")
        if path == ROOT or any(file.startswith(f"{path}/") for file in files):
            raise UsageError(f"The path {path} is a directory.")
        self._memory.remember(_text(path, file_text), id=path)
        return f"File created successfully at: {path}"

    def str_replace(self, path: str, old_str: str, new_str: str = "") -> str:
        """Replace ``old_str``, which must occur once."""
        path, content = self._file(path)
        places = [start for start in range(len(content)) if old_str and content.startswith(old_str, start)]
        if not places:
            raise UsageError(
                f"No replacement was performed, old_str `{old_str}` did not appear verbatim in {path}."
            )
        if len(places) > 1:
            lines = ", ".join(str(content[:place].count("\n") + 1) for place in places)
            raise UsageError(
                f"No replacement was performed. Multiple occurrences of old_str `{old_str}` in lines: "
                f"{lines}. Please ensure it is unique"
            )
        changed = content.replace(old_str, new_str)
        self._memory.correct(path, _text(path, changed))
        line = content[: places[0]].count("\n")
        first = max(0, line - _AROUND)
        shown = _numbered(changed.split("\n")[first : line + _AROUND + 1], first + 1)
        return (
            "The memory file has been edited. Here is the snippet showing the change (with line numbers):\n"
            + shown
        )

    def insert(self, path: str, insert_line: int, insert_text: str) -> str:
        """Insert ``insert_text`` after line ``insert_line``, 0 for the beginning."""
        path, content = self._file(path)
        lines = content.split("\n")
        if lines[-1] == "":
            lines.pop()
        if not 0 <= insert_line <= len(lines):
            raise UsageError(
                f"Invalid `insert_line` parameter: {insert_line}. "
                f"It should be within the range [0, {len(lines)}]."
            )
        lines.insert(insert_line, insert_text.rstrip("\n"))
        self._memory.correct(path, _text(path, "\n".join(lines) + "\n"))
        return f"The file {path} has been edited."

    def delete(self, path: str) -> str:
        """Forget a file, or all files of a directory, for good."""
        path = _checked(path)
        if path == ROOT:
            raise UsageError(f"Cannot delete the {ROOT} directory itself")
        self._memory.forget(*self._below(path))
        return f"Successfully deleted {path}"

    def rename(self, old_path: str, new_path: str) -> str:
        """Give a file, or all files of a directory, another path."""
        old, new = _checked(old_path), _checked(new_path)
        if old == ROOT or f"{new}/".startswith(f"{old}/"):
            raise UsageError(f"Cannot rename {old} to {new}")
        moved = self._below(old)
        files = self._files()
        if any(file == new or file.startswith(f"{new}/") for file in files):
            raise UsageError(f"The destination {new} already exists")
        times = {text.id: text.at for text in self._memory.list()}
        names = {file: new + file.removeprefix(old) for file in moved}
        self._memory.remember_many(
            [_text(names[file], files[file]) for file in moved],
            ids=list(names.values()),
            at=[times[file] for file in moved],
        )
        self._memory.forget(*moved)
        return f"Successfully renamed {old} to {new}"

    def _files(self) -> dict[str, str]:
        """Return path → content of all files."""
        texts = {text.id: text.text for text in self._memory.list() if text.id.startswith(f"{ROOT}/")}
        return {path: text.partition("\n")[2] for path, text in sorted(texts.items())}

    def _file(self, path: str) -> tuple[str, str]:
        path = _checked(path)
        content = self._files().get(path)
        if content is None:
            raise UsageError(f"The path {path} does not exist. Please provide a valid path.")
        return path, content

    def _below(self, path: str) -> list[str]:
        found = [file for file in self._files() if file == path or file.startswith(f"{path}/")]
        if not found:
            raise UsageError(f"The path {path} does not exist")
        return found


def anthropic_tool(memory: Memory) -> Any:
    """Return the memory tool for ``client.beta.messages.tool_runner(tools=[...])`` of the package anthropic.

    Args:
        memory: owned by the caller.

    Raises:
        UsageError: anthropic is not installed.
    """
    try:
        from anthropic.lib.tools import (  # type: ignore[import-not-found, unused-ignore]
            BetaAbstractMemoryTool,
            ToolError,
        )
    except ImportError:
        raise UsageError(
            "The memory tool needs anthropic, which is not installed. Install it with: pip install anthropic"
        ) from None
    files = MemoryFiles(memory)

    class MemoryTool(BetaAbstractMemoryTool):
        def execute(self, command: Any) -> str:
            said, failed = files.answer(command.model_dump(exclude_none=True))
            if failed:
                raise ToolError(said)
            return said

        view = create = str_replace = insert = delete = rename = execute  # abstract there

    return MemoryTool()


def _text(path: str, content: str) -> str:
    return f"{path}\n{content}"


def _checked(path: object) -> str:
    """Return ``path`` without a slash at its end; UsageError where it is none below ``/memories``."""
    if not isinstance(path, str) or not f"{path}/".startswith(f"{ROOT}/"):
        raise UsageError(f"Path must start with {ROOT}, got: {path!r:.200}")
    parts = path.rstrip("/").split("/")
    if {"", ".", ".."} & set(parts[1:]):
        raise UsageError(f"Path {path!r:.200} would escape {ROOT} or has an empty part")
    return "/".join(parts)


def _numbered(lines: Sequence[str], first: int) -> str:
    return "\n".join(f"{number:>{_NUMBER_WIDTH}}\t{line}" for number, line in enumerate(lines, start=first))


def _listing(path: str, files: Mapping[str, str]) -> str:
    """List two levels of names below ``path``, with sizes."""
    inside = {
        file.removeprefix(f"{path}/"): len(text)
        for file, text in files.items()
        if file.startswith(f"{path}/")
    }
    if not inside and path != ROOT:
        raise UsageError(f"The path {path} does not exist. Please provide a valid path.")
    sizes: dict[str, int] = {}
    for name, size in inside.items():
        parts = name.split("/")
        for depth in range(1, min(len(parts), 2) + 1):
            shown = "/".join(parts[:depth]) + ("/" if depth < len(parts) else "")
            sizes[shown] = sizes.get(shown, 0) + size
    lines = [f"{_size(sum(inside.values()))}\t{path}"]
    lines += [f"{_size(size)}\t{path}/{name}" for name, size in sorted(sizes.items())]
    header = f"Here're the files and directories up to 2 levels deep in {path}, excluding hidden items:"
    return "\n".join([header, *lines])


def _size(size: int) -> str:
    return f"{size}B" if size < 1024 else f"{size / 1024:.1f}K"
