"""Sound that is not speech, counted by hand: windows of 0.1 s, above -50 dBFS, more than 0.5 s from speech."""

from __future__ import annotations

import pytest

from fdbench.core.sound_beside import count_sound_beside_speech
from fdbench.core.span import Span

LOUD, QUIET = -20.0, -50.0


@pytest.mark.parametrize(
    ("speech", "expected"),
    [
        ([], 30),
        ([Span(1.0, 2.0)], 8),  # the windows up to 0.4 s, and those from 2.6 s on
        ([Span(1.05, 2.0)], 9),  # ... up to 0.5 s
        ([Span(2.0, 2.1), Span(0.9, 1.0)], 3 + 0 + 3),  # up to 0.3 s, none from 1.6 to 1.4 s, from 2.7 s on
        ([Span(0.0, 3.0)], 0),
    ],
)
def test_sound_is_counted_that_is_far_from_speech(speech: list[Span], expected: int) -> None:
    assert count_sound_beside_speech([LOUD] * 30, speech) == expected


def test_at_the_level_is_not_above_it() -> None:
    assert count_sound_beside_speech([QUIET, -49.9, float("-inf")], []) == 1
    assert count_sound_beside_speech([], []) == 0
