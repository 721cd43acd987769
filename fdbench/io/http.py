"""What the headers of an HTTP answer say, for whoever has to decide whether and when to ask again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Final

MAX_WAIT_S: Final = 60.0
"""A server that names a longer time is taken to mean this."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """How long a server asks to be left alone (``Retry-After``: seconds, or a date), in seconds from 0 to ``MAX_WAIT_S``.

    Args:
        headers: In any case. A date is counted from the server's own ``Date``, where it gives one.

    Returns:
        None where the server does not say, or says something else.
    """
    values = {name.lower(): value.strip() for name, value in headers.items()}
    text = values.get("retry-after", "")
    try:
        wait_s = float(text)
    except ValueError:
        try:
            now = parsedate_to_datetime(values["date"]) if "date" in values else datetime.now(timezone.utc)
            wait_s = (parsedate_to_datetime(text) - now).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(wait_s, 0.0), MAX_WAIT_S) if math.isfinite(wait_s) else None
