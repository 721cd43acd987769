"""Does the model take the turn? The published rule over a list of words.

::

    words    |tell|  |me|    |more|............        span 1.3 s          -> takeover
    words    |mm-hm|........................          span 0.4 s, 1 word  -> no takeover
             |-span-|

Conventions: the words are taken in the order given, not sorted; span = end of the last word minus start of the first,
a plain difference of floats that may be negative.

==============  ==============  ========
span            words           takeover
==============  ==============  ========
-               0               no
< 1.0 s         at most 3       no
< 1.0 s         4 or more       yes
>= 1.0 s        any             yes
==============  ==============  ========

Empty cases: no words is no takeover. A null start of the first or a null end of the last word crashes the published
scripts, whatever the number of words: ``None`` here, and so for a time that is not finite. Only the pause script takes
the start for a null end.

Differences from the published scripts: none. The paper says "fewer than two words" where the script has at most three:
the script is followed. ``fdbench`` does not use this rule (see ``utterance``).

References: Full-Duplex-Bench v1.0, ``eval_pause_handling``, ``eval_smooth_turn_taking``, ``eval_user_interruption`` at
d7336bd; Lin et al. 2025, section 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.score import Score, none_score
from fdbench.core.speech import Word
from fdbench.scoring.base import Takes, main_take, scored, words_for
from fdbench.scoring.requests import published_words

MIN_TURN_S: Final = 1.0
MAX_SHORT_WORDS: Final = 3


def is_takeover(words: Sequence[Word], open_end_is_start: bool = False) -> bool | None:
    """The published decision; None where the published script crashes on a null time.

    Args:
        words: In the transcript's order.
        open_end_is_start: A last word without an end ends where it starts (the pause script only).
    """
    if not words:
        return False
    start_s, end_s = words[0].start_s, words[-1].end_s
    if end_s is None and open_end_is_start:
        end_s = words[-1].start_s
    if start_s is None or end_s is None or not math.isfinite(end_s - start_s):
        return None
    return not (end_s - start_s < MIN_TURN_S and len(words) <= MAX_SHORT_WORDS)


@dataclass(frozen=True, slots=True)
class PublishedReply:
    """The published decision on a turn or an interruption.

    Attributes:
        latency_s: max(0, start of the first word - end of what was answered); None without a takeover.
    """

    has_takeover: bool
    latency_s: float | None


def published_reply(words: Sequence[Word], end_s: float) -> PublishedReply | Absence:
    """Decide whether the model answered, and how soon.

    Args:
        words: In the transcript's order, s on the prompt's timeline.
        end_s: Where the user's turn or interruption ends.

    Example:
        >>> published_reply([Word("sure", 3.2, 3.5), Word("thing", 3.5, 4.4)], 3.0)
        PublishedReply(has_takeover=True, latency_s=0.2...)
    """
    takeover = is_takeover(words)
    if takeover is None:
        return Absence("null_time")
    start_s = words[0].start_s if takeover else None
    return PublishedReply(takeover, None if start_s is None else max(0.0, start_s - end_s))


def score_published_latency(reply: PublishedReply) -> Score:
    if reply.latency_s is None:
        return none_score("response_latency_s", "no_takeover")
    return scored("response_latency_s", reply.latency_s)


def clip_words(takes: Takes) -> Sequence[Word] | Absence:
    """The words of the main take's recording, cropped to the prompt."""
    take = main_take(takes)
    if isinstance(take, Absence):
        return take
    transcript = words_for(take, published_words(take.prompt_s))
    return transcript if isinstance(transcript, Absence) else transcript.words
