"""Words of text in any language, foreign text made printable, and differences of identities.

Words: one Unicode form, Unicode punctuation, scripts without spaces.

Scripts that put no space between words (Chinese, Japanese kana, Thai, Lao, Khmer, Burmese) are compared by
character, as the multilingual question-answering benchmarks do (Lewis et al., *MLQA*, 2020). ASCII text gives
what ``\\w+`` finds in it. ``sandbox/words.py`` does the same for programs, with pairs of characters.
"""

from __future__ import annotations

import difflib
import re
import unicodedata

UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f"  # Burmese
    "\u1780-\u17ff"  # Khmer
    "\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Han
    "\U00020000-\U0003ffff"  # Han, extensions
)
"""The ranges of those scripts, for a class of a regular expression."""
_PART = re.compile(r"[^/,() ]+|[/,() ]+")
_LETTERS_OF_WORDS = "".join(
    chr(code) if chr(code).isalnum() or code == ord("_") else " " for code in range(128)
)
_TOKEN = re.compile(rf"[{UNSPACED}][\u0300-\u036f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]*|[^\W{UNSPACED}]+")


def words(text: str) -> tuple[str, ...]:
    """Return the words of ``text`` in order, NFKC and case-folded; of a script without spaces each character.

    Example:
        >>> words("The Fig-Tree")
        ('the', 'fig', 'tree')
        >>> words("蓝色、ＡＢＣ")
        ('蓝', '色', 'abc')
    """
    if text.isascii():
        return tuple(text.lower().translate(_LETTERS_OF_WORDS).split())
    return tuple(_TOKEN.findall(unicodedata.normalize("NFKC", text).casefold()))


def plain(text: str) -> str:
    """Return ``text`` with Unicode punctuation dropped and characters of unspaced scripts set apart.

    NFKC and lower case. ASCII text is returned as it is: SQuAD's own rule does the rest.
    """
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text).lower()
    kept = "".join(
        " " if unicodedata.category(c)[0] == "Z" else c for c in text if unicodedata.category(c)[0] != "P"
    )
    return re.sub(rf"([{UNSPACED}])", r" \1 ", kept)


def changed_parts(before: str, after: str) -> str:
    """Return what differs between two identities, which are parts joined by ``/``, commas or brackets.

    Example:
        >>> changed_parts("offline-mutator/1/bandit/2", "offline-mutator/1/bandit/4")
        "'2' is now '4'"
        >>> changed_parts("tune/1 × 0.1, mine-1", "mine-1")
        "'tune/1 × 0.1, ' is now ''"
    """
    old, new = (_PART.findall(text) for text in (before, after))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    changes = [
        f"{''.join(old[a:b])!r} is now {''.join(new[c:d])!r}"
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag != "equal"
    ]
    return "; ".join(changes)


def is_unicode(text: str) -> bool:
    """Return whether ``text`` can be written as UTF-8: it has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(text: str) -> str:
    """``text`` without control characters other than newline and tab.

    Programs and their outputs are foreign text: an escape sequence in it must not reach a terminal.
    """
    if text.isprintable():  # the usual case, at the speed of C
        return text
    return "".join(c if c in "\n\t" or _is_visible(c) else "�" for c in text.replace("\r\n", "\n"))


def _is_visible(character: str) -> bool:
    return character.isprintable() or (character.isspace() and character > "\x9f")


def one_line(text: str, limit: int = 160) -> str:
    """``text`` on one line, cut to ``limit`` characters."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"
