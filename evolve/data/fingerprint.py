"""Short hash of records, so that scores on different data are never mixed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from evolve.records import Record

LENGTH = 8


def fingerprint(records: Iterable[Record]) -> str:
    """The first ``LENGTH`` hexadecimal digits of the SHA-256 of the records as JSON, a line each."""
    content = "\n".join(record.model_dump_json() for record in records)
    return hashlib.sha256(content.encode()).hexdigest()[:LENGTH]
