"""Prompt files: sections of text with named slots, and a digest that identifies their version.

A file is Markdown. A line ``# name`` begins a section; ``system`` and ``user`` are the two turns of a
request, other sections are texts that the code inserts where needed. ``$slot`` is filled in, ``$$`` is a
dollar sign.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from evolve.errors import UsageError
from evolve.models.chat import Message

_HEADING = re.compile(r"^# (\w+)$", re.MULTILINE)
_TAG = re.compile(r"</(\w+)>")


class Prompt:
    """The sections of one prompt file.

    The text in a slot cannot close or open one of the tags (``<memory>``) by which the file separates texts:
    its angle brackets are replaced by ``‹›``.

    Args:
        name: name of the file, for errors.
        text: its content.

    Raises:
        ValueError: a section occurs twice, or there is text before the first.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        before, *parts = _HEADING.split(text)
        names, bodies = parts[::2], parts[1::2]
        if before.strip() or len(set(names)) < len(names) or not names:
            raise ValueError(f"the prompt {name} must consist of sections '# name', each of them once")
        self._sections = {
            section: Template(body.strip()) for section, body in zip(names, bodies, strict=True)
        }
        tags = "|".join(sorted(set(_TAG.findall(text))))
        self._tags = re.compile(rf"<(\s*/?\s*(?:{tags})\s*)>", re.IGNORECASE) if tags else None

    def say(self, section: str, **slots: str) -> str:
        """Return the text of a section with its slots filled.

        Raises:
            KeyError: there is no such section, or a slot of it is not given.
        """
        return self._sections[section].substitute(
            {name: self._without_tags(value) for name, value in slots.items()}
        )

    @property
    def slots(self) -> dict[str, frozenset[str]]:
        """Section → the names of its slots."""
        return {name: frozenset(body.get_identifiers()) for name, body in self._sections.items()}

    def messages(self, **slots: str) -> tuple[Message, ...]:
        """The request that the sections ``system`` and ``user`` make."""
        return (
            {"role": "system", "content": self.say("system", **slots)},
            {"role": "user", "content": self.say("user", **slots)},
        )

    def _without_tags(self, value: str) -> str:
        return self._tags.sub(r"‹\1›", value) if self._tags else value


class Prompts(Mapping[str, Prompt]):
    """Prompt files of a folder, by name.

    Args:
        folder: the folder, such as ``importlib.resources.files(package) / "prompts"``.
        names: file names without ``.md``.
        own: a folder whose files of these names replace the others.

    Raises:
        UsageError: a file of ``own`` cannot be read, lacks a section, or has a slot that nothing fills.
    """

    def __init__(self, folder: Traversable, names: Iterable[str], own: Path | None = None) -> None:
        names = tuple(names)
        texts = {name: (folder / f"{name}.md").read_text(encoding="utf-8") for name in names}
        replaced = _replaced(own, texts) if own is not None else {}
        texts |= replaced
        self.own_digest = _digest(replaced) if replaced else ""
        """Digest of the files in ``own``, as ``digest``; empty where there are none."""
        self._prompts = {name: Prompt(name, text) for name, text in texts.items()}
        self.digest = _digest(texts)
        """Digest of all texts of the files."""

    def __getitem__(self, name: str) -> Prompt:
        return self._prompts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._prompts)

    def __len__(self) -> int:
        return len(self._prompts)


def _digest(texts: Mapping[str, str]) -> str:
    content = "\0".join(f"{name}\0{texts[name]}" for name in sorted(texts))
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _replaced(own: Path, texts: Mapping[str, str]) -> dict[str, str]:
    """Return name → text of the files of ``own`` that replace one of ``texts``, each checked against it."""
    if not own.is_dir():
        raise UsageError(f"There is no folder of prompts at {own}. Give another one, or leave it out.")
    found: dict[str, str] = {}
    for name, text in texts.items():
        path = own / f"{name}.md"
        if not path.is_file():
            continue
        try:
            found[name] = path.read_text(encoding="utf-8")
            given = Prompt(name, found[name]).slots
        except (OSError, ValueError) as error:
            raise UsageError(f"The prompt {path} cannot be used: {error}.") from error
        expected = Prompt(name, text).slots
        problems = [f"the section '# {section}' is missing" for section in expected if section not in given]
        problems += [
            f"the section '# {section}' has a slot ${slot} that nothing fills; it may have "
            + (", ".join(f"${one}" for one in sorted(expected[section])) or "none")
            for section in given
            if section in expected
            for slot in sorted(given[section] - expected[section])
        ]
        if problems:
            raise UsageError(f"The prompt {path} cannot be used: {'; '.join(problems)}.")
    return found
