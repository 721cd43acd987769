"""In which order calls are begun, so that all slots of all workers end at about the same time.

::

    the longest first    [=========][======][====][===]     what is left for the end is all of one length: slots that
                         [=======][======][=====][===]      become free at different times end at different times

    the last held back   [=========][=======][=====][==]    kept for the end: a call for each slot, short ones and long
                         [=======][=====][===][=======]     ones; whoever becomes free first takes the longest of them

Where each slot makes only a few calls, that is what the work loses at its end. How much to hold back depends on the lengths,
so several orders are gone through by the expected ones, and the one that would be over first is taken.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Final

import soundfile

from fdbench.core.conversation import Take
from fdbench.errors import FdbenchError
from fdbench.task.stimulus import SCRIPT_RATE_HZ, FileStimulus, ScriptStimulus

_MOST_ROUNDS: Final = 40
"""Where each slot makes more calls than that, the end is a small part of all, and the longest first will do."""
_NEVER_HELD_BACK: Final = (0.0, 0.2, 0.4, 0.6, 0.8)
"""Shares of the longest calls that may be kept out of what is held back."""


def in_order(takes: Iterable[Take], dialogue_s: float, around_s: float, slots: int) -> list[Take]:
    """Takes in the order in which their calls should be begun.

    Args:
        dialogue_s: How long an examiner speaks at most.
        around_s: What a call takes beside its prompt.
        slots: Calls that go on at once, over all workers.
    """
    all_takes = list(takes)
    known: dict[tuple[str, str, str], float] = {}
    for take in all_takes:
        key = (take.id.task, take.id.sample, take.stimulus)
        if key not in known:
            known[key] = prompt_s(take, dialogue_s) + around_s
    lengths_s = [known[take.id.task, take.id.sample, take.stimulus] for take in all_takes]
    return [all_takes[index] for index in order_of(lengths_s, slots)]


def order_of(lengths_s: Sequence[float], slots: int) -> list[int]:
    """Indices of calls in the order that would be over first, among some; where none is better, the longest first."""
    longest_first = sorted(range(len(lengths_s)), key=lambda index: -lengths_s[index])
    if not slots < len(lengths_s) <= _MOST_ROUNDS * slots:
        return longest_first
    return min((longest_first, *_held_back(longest_first, slots)), key=lambda order: end_s(order, lengths_s, slots))


def end_s(order: Iterable[int], lengths_s: Sequence[float], slots: int) -> float:
    """When the last of some calls ends, each of which is begun as soon as a slot is free."""
    free_s = [0.0] * slots
    for index in order:
        heapq.heapreplace(free_s, free_s[0] + lengths_s[index])
    return max(free_s)


def _held_back(longest_first: list[int], slots: int) -> Iterator[list[int]]:
    """Orders in which one call for each slot is held back, or two."""
    for share in _NEVER_HELD_BACK:
        yield [*_without_last(longest_first, slots, share)]
    for last, before in product(_NEVER_HELD_BACK, repeat=2):
        order = _without_last(longest_first, slots, last)
        yield [*_without_last(order[:-slots], slots, before), *order[-slots:]]


def _without_last(longest_first: list[int], n: int, share: float) -> list[int]:
    """The same with ``n`` calls moved to its end, evenly taken from all but a share of the longest; they keep their order."""
    n_longest = int(share * len(longest_first))
    pool = longest_first[n_longest:]
    if len(pool) < n:
        return longest_first
    held = {pool[each * len(pool) // n] for each in range(n)}
    return [*(each for each in longest_first if each not in held), *(each for each in longest_first if each in held)]


def prompt_s(take: Take, dialogue_s: float) -> float:
    """How long the user's side speaks, without decoding a file where that can be told without; 0 where nobody can tell."""
    if not take.has_prompt:
        return dialogue_s
    stimulus = take.sample.stimuli.get(take.stimulus)
    if isinstance(stimulus, ScriptStimulus):
        return stimulus.n_samples / SCRIPT_RATE_HZ
    try:
        if isinstance(stimulus, FileStimulus):
            return float(soundfile.info(str(stimulus.path)).duration)
        return take.prompt().duration_s
    except (FdbenchError, RuntimeError, OSError):
        return 0.0  # the call will say what is wrong with it
