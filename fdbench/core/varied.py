"""What a sweep varies, as it is typed: ``100:1500:100``, ``a,b,c``, or one value, which stays."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import Final

from fdbench.errors import UsageError

MOST_VALUES: Final = 1000
_NUMBER: Final = r"-?\d+(?:\.\d+)?"
_RANGE: Final = re.compile(rf"({_NUMBER}):({_NUMBER}):({_NUMBER})")


def values_of(name: str, text: str) -> list[str]:
    """The values that a text stands for, as they would have been typed one by one; both ends of a range are in it.

    Example:
        >>> values_of("silence_ms", "100:400:100")
        ['100', '200', '300', '400']

    Raises:
        UsageError: A range has no end, or a value is empty or there twice.
    """
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        values = [value.strip() for value in text.split(",")]
    else:
        first, last, step = map(Decimal, found.groups())
        if step == 0 or (last - first) / step < 0 or (last - first) / step >= MOST_VALUES:
            raise UsageError(
                f"{name}={text}: expected FIRST:LAST:STEP with a step that leads there", "e.g. silence_ms=100:1500:100"
            )
        values = [f"{first + step * index:f}" for index in range(int((last - first) / step) + 1)]
    if not all(values) or len(set(values)) < len(values):
        raise UsageError(f"{name}={text}: a value is empty, or there twice", "e.g. silence_ms=300,500,900")
    return values


def settings_of(varied: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Every combination, the last name varying fastest."""
    return [dict(zip(varied, values, strict=True)) for values in product(*varied.values())]
