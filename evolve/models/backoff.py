"""Pause before a call is retried."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True)
class Backoff:
    """Exponential, with equal jitter (M. Brooker, *Exponential Backoff and Jitter*, 2015).

    Half of a delay is fixed and half is drawn, so that calls that failed together do not come back together.

    Attributes:
        first: seconds, the longest delay after the first failure.
        most: seconds, the longest delay of all.
    """

    first: float = 1.0
    most: float = 60.0

    def delay(self, failures: int, rng: random.Random, asked: float | None = None) -> float:
        """Seconds to wait after so many failures (from 1).

        Args:
            failures: how often the call has failed.
            rng: draws the jitter.
            asked: seconds that the provider asked for (Retry-After); it is never waited less, and up to a
                tenth more.
        """
        longest = min(self.most, self.first * 2 ** min(failures - 1, 32))
        drawn = longest * (0.5 + 0.5 * rng.random())
        return drawn if asked is None else max(drawn, asked * (1 + 0.1 * rng.random()))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a provider asks to wait; None where it does not, or not in a form that can be read.

    ``Retry-After`` is a number of seconds or a date (RFC 9110, §10.2.3); some send ``retry-after-ms`` too.
    """
    given = {name.lower(): value.strip() for name, value in headers.items()}
    if (milliseconds := _number(given.get("retry-after-ms", ""))) is not None:
        return milliseconds / 1000
    value = given.get("retry-after", "")
    if (seconds := _number(value)) is not None:
        return seconds
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):  # no date, or one without a time zone
        return None


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text) else None
