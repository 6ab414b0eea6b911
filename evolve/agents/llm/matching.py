"""Match a model's words to one of the possible commands: equal, equal in words, or one within the other."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LABELLED = re.compile(r"^[^\w\n]*(?:command|action)[^\w\n]*:(.*)$", re.IGNORECASE | re.MULTILINE)
_WORD = re.compile(r"\w+")
_AROUND = " \t`\"'*_“”‘’"
CLOSE = 10
"""The most commands that are named as close to one that is not possible."""


def said_command(reply: str) -> str:
    """The command in a reply: what follows the last ``Command:`` (or ``Action:``), else its last line.

    Quotes, emphasis and a prompt sign around it do not belong to it. Empty where there is none.
    """
    labelled = [said for said in _LABELLED.findall(reply) if said.strip(_AROUND)]
    lines = [line for line in _LABELLED.sub("", reply).splitlines() if line.strip(_AROUND)]
    found = (labelled or lines or [""])[-1]
    return found.strip(_AROUND).removeprefix(">").strip(_AROUND)


def match(said: str, commands: Sequence[str]) -> str | None:
    """The command of ``commands`` that ``said`` means, or None.

    In this order, the first that gives one:

    1. it is equal to one;
    2. it has the same words as one, whatever their case and the signs between them; of several such, the
       environment's first;
    3. the words of one stand in it as a run, and those of every other that does so stand in that one;
    4. its words stand as a run in exactly one.
    """
    if said in commands:
        return said
    words = _run(said)
    if not words.strip():
        return None
    runs: dict[str, str] = {}
    for command in commands:
        runs.setdefault(_run(command), command)
    runs.pop(_run(""), None)
    if words in runs:
        return runs[words]
    within = [run for run in runs if run in words]
    longest = max(within, key=len, default="")
    if within and all(run in longest for run in within):
        return runs[longest]
    around = [run for run in runs if words in run]
    return runs[around[0]] if len(around) == 1 and not within else None


def close_to(said: str, commands: Sequence[str]) -> list[str]:
    """Up to ``CLOSE`` commands that share most words with ``said``, best first; none that shares none."""
    wanted = set(_words(said))
    shared = {command: len(wanted & set(_words(command))) for command in commands}
    best = sorted((command for command in shared if shared[command]), key=lambda command: -shared[command])
    return best[:CLOSE]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _run(text: str) -> str:
    """The words of ``text``, each between blanks, so that a run of words is a part of the text."""
    return f" {' '.join(_words(text))} "
