"""Where a model's replies lie on the timeline of the call.

::

    user heard   |==0==|==1==|==2==|==3==|
    causal       |.....|--0--|--1--|--2--|      where each could first be heard: when the frame that it answers is over
    published    |--0--|--1--|--2--|--3--|      where the model's official script writes it

Calls are recorded causally. The published place is a constant of the model away from that, so a recording serves both: the
model's channel is moved when it is annotated and scored. Numbers of the two are never compared.
"""

from __future__ import annotations

from typing import Final

CAUSAL: Final = "causal"
PUBLISHED: Final = "published"
PLACEMENTS: Final = (CAUSAL, PUBLISHED)
"""What can be asked for; recordings made elsewhere lie where they were ``given``."""
