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

    Half of a delay is fixed and half is random, so that calls that failed together are not retried together.

    Attributes:
        first: longest delay after the first failure, in seconds.
        most: longest delay of all, in seconds.
    """

    first: float = 1.0
    most: float = 60.0

    def delay(self, failures: int, rng: random.Random, asked: float | None = None) -> float:
        """Return the seconds to wait after ``failures`` failures (at least 1).

        Args:
            failures: number of failures of the call.
            rng: draws the jitter.
            asked: seconds that the provider asked for (Retry-After); the delay is never shorter, and up to a
                tenth longer.
        """
        longest = min(self.most, self.first * 2 ** min(failures - 1, 32))
        drawn = longest * (0.5 + 0.5 * rng.random())
        return drawn if asked is None else max(drawn, asked * (1 + 0.1 * rng.random()))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that a provider asks to wait; None where it does not, or not in a readable form.

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
