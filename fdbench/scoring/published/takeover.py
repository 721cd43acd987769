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
from typing import Final

from fdbench.core.speech import Word

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
