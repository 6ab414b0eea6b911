"""Redaction of keys in messages: providers quote them in their errors."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

_NAMED_SECRET = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)S?$", re.IGNORECASE)
_SHORTEST = 8  # a shorter value is no key, and would blot out words
_KEY_LIKE = re.compile(r"\b(?:(?:sk|pk|rk|gsk|xai|hf)[-_][\w\-*]{6,}|AIza[\w\-]{20,})|(?<=Bearer )\S+")


def redacted(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return ``text`` without secrets.

    Secrets are the values of environment variables that are named like secrets, and texts that look like a
    key.
    """
    for name, value in environ.items():
        if _NAMED_SECRET.search(name) and len(value) >= _SHORTEST:
            text = text.replace(value, "[key]")
    return _KEY_LIKE.sub("[key]", text)
