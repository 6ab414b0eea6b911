"""Tools that read: list, read and search files of a workspace, and Python on a copy of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from evolve.models.fitting import shortened
from evolve.mutation.agentic.calls import AgentCall
from evolve.mutation.agentic.sandboxed import ProposerSandbox
from evolve.mutation.agentic.workspace import Workspace

_LISTED, _HITS, _LINE = 80, 40, 240
_REGEX_CHARACTERS = 200
_LINE_SEARCHED = 2_000
_NESTED = re.compile(r"[+*}]\)*[+*{]")


@dataclass(frozen=True)
class Toolbox:
    """Tools of one candidate that read its workspace.

    Attributes:
        workspace: the files.
        sandbox: runs Python; None where no backend confines it.
        characters: most characters of a result.
        seconds: most seconds of a run of Python.
    """

    workspace: Workspace
    sandbox: ProposerSandbox | None
    characters: int = 8_000
    seconds: float = 20.0

    def result(self, call: AgentCall) -> str:
        """Return the result of a call as text; an error is a result.

        Raises:
            InfrastructureError: the sandbox failed.
        """
        found: Callable[[AgentCall], str] = {
            "list": self._list,
            "read": self._read,
            "search": self._search,
            "python": self._python,
        }[call.name]
        return shortened(found(call), self.characters)

    def _list(self, call: AgentCall) -> str:
        names = self.workspace.names(call.path.strip("/") if call.path not in (".", "*") else "")
        if not names:
            folders = sorted({name.partition("/")[0] for name in self.workspace.files})
            return f"There is nothing at {call.path!r}. There are: {', '.join(folders)}."
        return listing(self.workspace, names)

    def _read(self, call: AgentCall) -> str:
        path = call.path.strip("/")
        text = self.workspace.files.get(path)
        if text is None:
            if path in self.workspace.left_out:
                return f"{path} was left out, to keep the folder small."
            close = get_close_matches(path, list(self.workspace.files), n=3, cutoff=0.4)
            hint = f" Similar: {', '.join(close)}." if close else " `list` shows the files."
            return f"There is no file {call.path!r}.{hint}"
        lines = text.split("\n")
        first, last = call.first, call.last if call.last >= call.first else len(lines)
        if first > len(lines):
            return f"{path} has {len(lines)} lines; line {first} is after its end."
        shown, size = [], 0
        for number, line in enumerate(lines[first - 1 : last], start=first):
            size += len(line) + 1
            if size > self.characters - 200 and shown:
                rest = f"[... {path} goes on: read {path} {number}-{len(lines)} ...]"
                return "\n".join([*shown, rest])
            shown.append(line)
        return "\n".join(
            [*shown, f"[end of {path}]" if last >= len(lines) else f"[{len(lines)} lines in all]"]
        )

    def _search(self, call: AgentCall) -> str:
        files = [(name, self.workspace.files[name]) for name in self.workspace.names(call.path)]
        hits = _hits(files, _pattern(call.text))
        if not hits:
            words = [re.escape(word) for word in call.text.split()]
            hits = _hits(files, re.compile("".join(f"(?=.*{word})" for word in words), re.IGNORECASE))
        if not hits:
            return f"No line has {call.text!r}."
        more = f"\n[... {len(hits) - _HITS} more lines ...]" if len(hits) > _HITS else ""
        return "\n".join(hits[:_HITS]) + more

    def _python(self, call: AgentCall) -> str:
        if self.sandbox is None:
            return "python cannot be used here: no sandbox confines it. Use list, read and search."
        ran = self.sandbox.run(
            ["{python}", "-B", "-c", call.text],
            self.workspace.files,
            seconds=self.seconds,
            characters=self.characters,
        )
        if ran.status is None:
            return f"{ran.output}\n[ended after {self.seconds:g} s]"
        status = f"\n[exit status {ran.status}]" if ran.status else ""
        return (ran.output or "[no output]") + status


def listing(workspace: Workspace, names: list[str]) -> str:
    """Return the names with their sizes, one to the line, those of large folders cut."""
    lines = [f"{name} ({workspace.files[name].count(chr(10)) + 1} lines)" for name in names[:_LISTED]]
    if len(names) > _LISTED:
        lines.append(f"[... {len(names) - _LISTED} more: list a folder ...]")
    return "\n".join(lines)


def overview(workspace: Workspace) -> str:
    """Return the folders and files at the top, in a few lines.

    Example:
        >>> overview(Workspace({"parent.py": "x", "traces/0-fitness.md": "", "traces/1-fitness.md": ""}))
        '- parent.py\\n- traces/ (2 files): 0-fitness.md, 1-fitness.md'
    """
    folders: dict[str, list[str]] = {}
    for name in workspace.names():
        folder, _, rest = name.partition("/")
        folders.setdefault(folder, []).extend([rest] if rest else [])
    lines = []
    for folder, inner in sorted(folders.items(), key=lambda pair: (bool(pair[1]), pair[0])):
        if not inner:
            lines.append(f"- {folder}")
            continue
        some = ", ".join(inner[:4]) + (", ..." if len(inner) > 4 else "")
        lines.append(f"- {folder}/ ({len(inner)} files): {some}")
    return "\n".join(lines)


def _pattern(text: str) -> re.Pattern[str]:
    """Return ``text`` as a regular expression; as words where it is none, or one that may take for ever."""
    if len(text) <= _REGEX_CHARACTERS and not _NESTED.search(text):
        try:
            return re.compile(text, re.IGNORECASE)
        except re.error:
            pass
    return re.compile(re.escape(text), re.IGNORECASE)


def _hits(files: list[tuple[str, str]], pattern: re.Pattern[str]) -> list[str]:
    found: list[str] = []
    for name, text in files:
        for number, line in enumerate(text.split("\n"), start=1):
            if pattern.search(line[:_LINE_SEARCHED]):
                found.append(f"{name}:{number}: {line.strip()[:_LINE]}")
                if len(found) > 10 * _HITS:
                    return found
    return found
