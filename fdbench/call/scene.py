"""What is known of a call before it begins, for effects that need a level, a place or a draw (``fdbench.audio.effects.scene``).

The level and the places of speech are those of the sample's main prompt, also in its clean twin, so that what stands beside
both is the same. Of a user who reacts, only the prompt is known; of an examiner nothing, and the nominal level holds.
"""

from __future__ import annotations

import hashlib
from typing import Any

from fdbench.adapter.base import Brief
from fdbench.audio.active_speech import active_speech
from fdbench.audio.effects.scene import NOMINAL_DBFS, Scene
from fdbench.core.condition import Condition
from fdbench.core.conversation import Take
from fdbench.core.take_id import MAIN, TakeId


def scene_of(take: Take, user: Brief, condition: Condition) -> Scene:
    """What effects may know of one call.

    Args:
        user: The user's side's brief: its prompt and the silence before that.

    Raises:
        DataError: The main prompt of a twin cannot be read.
    """
    seed = seed_of(take.id, condition)
    if user.stimulus is None or not take.has_prompt:  # what an examiner said is known only when the call is made again
        return Scene(seed, noise_folder=condition.noise_folder)
    prompt: Any = take.sample.stimuli.get(MAIN)
    # When a call is made again, the brief of a user who reacts holds what that said, too.
    is_briefed = (take.sample.reaction is None and take.stimulus == MAIN) or prompt is None
    level_dbfs, spans = active_speech(user.stimulus if is_briefed else prompt.load())
    placements = getattr(prompt, "placements", ())
    return Scene(
        seed,
        NOMINAL_DBFS if level_dbfs is None else level_dbfs,
        tuple(span.shifted(user.lead_in_s) for span in spans),
        frozenset(placement.sha256 for placement in placements),
        condition.noise_folder,
    )


def seed_of(take: TakeId, condition: Condition) -> int:
    """What chance draws for the call: the same for every model and every stimulus of the sample."""
    text = f"{condition.name}@{condition.version}|{take.task}/{take.sample}|{take.repeat}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
