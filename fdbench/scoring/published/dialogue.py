"""Dialogues as the published v2 scripts sum up what a judge says of them; see ``dialogue_judged``.

Any number that a judge gave is a score, a 9 as well as a 5. What can be known without a judge is measured under ``fdbench``
alone: nothing of it is published.

References: Full-Duplex-Bench v2 at d7336bd.
"""

from __future__ import annotations

from fdbench.scoring.dialogue_judged import JudgedDialogue


class PublishedDialogue(JudgedDialogue):
    """What a judge says of a dialogue, as it is published."""

    is_bounded = False
