"""Names in plain English text, by their capitals and by who speaks."""

from __future__ import annotations

import re
from collections import Counter

from evolve.agents.rules.dates import DAYS, MONTHS
from evolve.scoring import STOP_WORDS

_SPEAKER = re.compile(
    r"^[ \t]*(?:[\[(][^\])\n]*[\])][ \t]*)?([A-Z][\w.'-]*(?: [A-Z][\w.'-]*)?)\s*:\s", re.MULTILINE
)
_NAME = re.compile(r"\b[A-Z][a-zà-ÿ]+(?: (?:of |de )?[A-Z][a-zà-ÿ]+)*")
# fmt: off
_LABELS = frozenset(
    {
        "Session", "Date", "Time", "Conversation", "Question", "Answer", "Query",
        "User", "Assistant", "System", "Note",
    }
)
# fmt: on
_NO_NAMES = frozenset((*DAYS, *MONTHS)) | _LABELS
_BREAKS = ".!?:\n\"'“([-–—*"


def speakers(text: str) -> list[str]:
    """Return the names that precede a colon at the start of a line, most frequent first."""
    counts = Counter(name for name in _SPEAKER.findall(text) if name not in _NO_NAMES)
    return [name for name, _ in counts.most_common()]


def names(text: str) -> list[str]:
    """Speakers, then other capitalised words that do not merely begin a sentence; in order, no repeats."""
    found = dict.fromkeys(speakers(text))
    for match in _NAME.finditer(text):
        before = text[: match.start()].rstrip(" ")[-1:]
        name = match[0]
        if name in _NO_NAMES or name.lower() in STOP_WORDS:
            continue
        if before and before not in _BREAKS:
            found.setdefault(name)
    return list(found)


def without_speaker(line: str) -> str:
    """``line`` without the name of its speaker and what is bracketed before it."""
    match = _SPEAKER.match(line)
    return line[match.end() :] if match else line
