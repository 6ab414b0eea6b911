"""Reader of verdicts: yes or no in an object, in a word, or in sentences with one reading."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from evolve.models.structured import SHOWN, JsonObject, Unusable, find_object, shortened

_YES = ("correct", "right", "true", "met", "satisfied", "yes", "1", "1.0")
_NO = ("incorrect", "wrong", "false", "unmet", "unsatisfied", "no", "0", "0.0")
_NEGATED = tuple(f"not {word}" for word in _YES[:5])
_WORDS: Mapping[str, bool] = {**dict.fromkeys(_YES, True), **dict.fromkeys((*_NO, *_NEGATED), False)}
_LEADING = ("yes", "no", "correct", "incorrect", "wrong")
"""Words that state a verdict before a comma or a full stop; "1." begins a list."""
_OTHER_KEYS = ("verdict", "label", "judgement", "judgment", "grade", "result", "decision", "score")
"""Keys under which models put a verdict that was requested under another key."""

_LABEL = re.compile(
    r"(?:final\s+answer|verdict|judge?ment|label|grade|decision|conclusion|score|(?:is )?correct|(?:is )?met)"
    r"\W{0,4}?(?:[:=–—]|\bis\b)",
    re.IGNORECASE,
)
_DRESS = re.compile(r"</?\w+>|[*_`#>\"'“”\[\]()]")
_ENDS = " \t.,:;!-–—✓✔✗✘✅❌"

_STATED = {
    "correct": re.compile(r"\b(?:correct|incorrect|wrong)\b", re.IGNORECASE),
    "met": re.compile(
        r"\b(?:(?<=is )|(?<=are )|(?<=not )|(?<=n't )|(?<=fully ))(?:met|satisfied|unmet)\b", re.I
    ),
}
"""Key → the words that state a verdict within a sentence."""
_NEGATION = re.compile(
    r"(?:\bnot|\bnever|n['’]t|\bno longer)"
    r"(?:\s+(?:be|been|at all|entirely|fully|completely|quite|considered|really|actually))*\s+\Z",
    re.IGNORECASE,
)
_HEDGE = re.compile(
    r"\b(?:not|never|no|nor|neither|cannot|without|hardly|barely|scarcely|only|merely|part(?:ly|ially|ial)?|"
    r"mostly|almost|nearly|half|somewhat|largely|if|unless|whether|would|should|could|may|might|either|"
    r"seems?|appears?|possibly|probably|perhaps|maybe|than|doubt\w*|fail\w*|far|unlikely|claim\w*)\b|n['’]t\b",
    re.IGNORECASE,
)
_BEFORE_A_NOUN = re.compile(
    r"\s+(?!(?:and|or|but|because|since|as|in|with|by|according|for|to|that|here)\b)[a-z]", re.IGNORECASE
)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")


@dataclass(frozen=True)
class Verdict:
    """Yes or no, and why."""

    holds: bool
    reason: str = ""


def read_verdict(text: str, key: str = "correct") -> Verdict:
    """Return the verdict in a reply.

    It is one of these, and prose that contradicts it makes the reply unusable:

    - under ``key`` of a JSON object (else under ``is_KEY``, ``verdict``, ``label`` …): true or false, 1 or 0,
      or such a word as text;
    - CORRECT, WRONG, INCORRECT, yes, no, true, false, 1 or 0 as the whole reply, its first or its last line,
      with or without a label ("Verdict: CORRECT"); the last line is a conclusion from the text before;
    - a sentence such as "It is not correct.", if all sentences agree and none that says so is hedged.

    Args:
        text: a reply without thoughts.
        key: key of the verdict in the requested object, ``correct`` or ``met``.

    Raises:
        Unusable: there is no verdict, or it has several readings.

    >>> read_verdict('{"reason": "Same town.", "correct": "True"}')
    Verdict(holds=True, reason='Same town.')
    >>> read_verdict("The answer is not correct.").holds
    False
    """
    found = _object(text, key)
    if found is None:
        holds = _in_words(text, key)
        if holds is not None:
            return Verdict(holds, "" if _word(text) is not None else text.strip())
    else:
        holds = _of_object(found, key)
        around = _in_words(f"{text[: found.start]}\n{text[found.end :]}", key)
        if around in (None, holds):
            reason = found.value.get("reason", found.value.get("explanation", ""))
            return Verdict(holds, reason if isinstance(reason, str) else "")
    raise Unusable(f"expected true or false under {key!r}, found {shortened(text[:SHOWN])}.")


def _object(text: str, key: str) -> JsonObject | None:
    """The object of a reply; None where its braces, if any, hold no key."""
    if not re.search(r"\{\s*[\"'“‘]?\w+[\"'”’]?\s*:", text):
        return None
    return find_object(text, [key, *_OTHER_KEYS])


def _of_object(found: JsonObject, key: str) -> bool:
    """Return the verdict under the key, else under the only known alternative key."""
    value = {name.strip().casefold(): inner for name, inner in found.value.items()}
    for names in ((key,), (f"is_{key}", *_OTHER_KEYS)):
        given = [value[name] for name in names if name in value]
        if not given:
            continue
        holds = _word(str(given[0])) if isinstance(given[0], (str, bool, int, float)) else None
        if holds is None or len(given) > 1:
            break
        return holds
    raise Unusable(f"expected true or false under {key!r}, found {shortened(found.value)}.")


def _word(text: str) -> bool | None:
    """The verdict that a text is by itself, a label before it left out."""
    bare = _bare(text)
    if bare not in _WORDS and (label := _LABEL.match(bare)):
        bare = bare[label.end() :].strip(_ENDS)
    if bare.isdecimal() and re.search(r"[\[\]()]", text):  # a list, a footnote
        return None
    return _WORDS.get(bare)


def _bare(text: str) -> str:
    return " ".join(_DRESS.sub(" ", text).split()).strip(_ENDS).casefold()


def _in_words(text: str, key: str) -> bool | None:
    """The verdict that words state; None where there is none, or where sentences disagree.

    Raises:
        Unusable: the first line contradicts the last one or a sentence.
    """
    lines = [line for line in text.splitlines() if _bare(line)]
    if not lines:
        return None
    first, last, stated = _word(lines[0]), _word(lines[-1]), set(_readings(text, key))
    if first is None:
        leading = re.split(r"[.,:;!–—]", _bare(lines[0]), maxsplit=1)[0].strip()
        first = _WORDS[leading] if leading in _LEADING else None
    against = {last} if last is not None else stated
    if first is not None and (not first) in against:
        raise Unusable("it says both that it holds and that it does not; give one verdict.")
    explicit = last if last is not None else first
    if explicit is not None:
        return explicit
    return stated.pop() if len(stated) == 1 else None


def _readings(text: str, key: str) -> Iterator[bool | None]:
    """Yield the statement of each sentence: yes, no, or None for one that hedges."""
    for sentence in _SENTENCE.split(text):
        if sentence.rstrip().endswith("?"):
            continue
        for word in _STATED[key].finditer(sentence):
            if _BEFORE_A_NOUN.match(sentence, word.end()):  # "the correct answer is ..."
                continue
            negation = _NEGATION.search(sentence, 0, word.start())
            rest = sentence[: negation.start()] + sentence[negation.end() :] if negation else sentence
            said = _WORDS[word[0].casefold()]
            yield None if _HEDGE.search(rest) else said is not bool(negation)
