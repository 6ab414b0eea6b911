"""MINTEval: exact match of the boxed answer (amy-hyunji/MINTEval, ``common.py``)."""

from __future__ import annotations

import re
import string

from evolve.records import Task

_OPENING = "\\boxed{"


def last_boxed(text: str) -> str | None:
    r"""Return the stripped content of the last ``\boxed{}`` of ``text``; None if there is none.

    Braces within it are counted, and a box that is never closed reaches to the end of the text.

    Example:
        >>> last_boxed(r"\boxed{no}, rather \boxed{f(x)={a}}")
        'f(x)={a}'
    """
    start = text.rfind(_OPENING)
    if start < 0:
        return None
    start += len(_OPENING)
    depth = 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[start:place].strip()
    return text[start:].strip()


_THOUGHTS = re.compile(r"<think>.*?</think>", re.DOTALL)
_DROPPED = re.compile(r"\b(a|an|the|and)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def minteval_match(task: Task, answer: str) -> float:
    r"""1 if the answer is an accepted one, after normalisation, else 0.

    The answer is the last ``\boxed{}``, or the whole reply without one; ``<think>`` blocks are dropped, and
    the text from an unfinished one on. Normalised: commas become spaces, lower case, no ASCII punctuation,
    the words a, an, the, and are dropped, single spaces.

    Example:
        >>> minteval_match(Task(id="q", question="?", answers=("the hall",)), r"So: \boxed{Hall.}")
        1.0
    """
    found = _normalised(_final(answer))
    return float(any(found == _normalised(gold) for gold in task.answers))


def _final(reply: str) -> str:
    said = _THOUGHTS.sub("", reply).partition("<think>")[0] if "<think>" in reply else reply
    boxed = last_boxed(said)
    return said.strip() if boxed is None else boxed


def _normalised(text: str) -> str:
    bare = text.replace(",", " ").lower().translate(_NO_PUNCTUATION)
    return " ".join(_DROPPED.sub(" ", bare).split())
