"""The only name that a take ever has: of its files, its annotations, its verdicts and its line in every table.

::

    mini/turn_taking/tt-01@main.r0                      a sample's main stimulus, the first time
    v1.5/user_backchannel/7@clean.r2                    its clean twin, the third time
    mini/turn_taking/tt-01@main+echo-60ms.r0            the same call under a condition, whose name may have a plus, too
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import Final

MAIN: Final = "main"
"""The stimulus that every sample has."""
TWIN: Final = "clean"
"""The main stimulus without what the sample is about: a model answers both, and the difference is what that made."""
CLEAN: Final = "clean"
"""The condition under which nothing stands between the two sides."""

_FORM: Final = re.compile(
    r"(?P<task>.+)/(?P<sample>[^/]+)@(?P<stimulus>[^/@+]+?)(?:\+(?P<condition>[^/@]+))?\.r(?P<repeat>0|[1-9][0-9]*)"
)


@dataclass(frozen=True, slots=True, order=True)
class TakeId:
    """Which call: a sample's stimulus under a condition, for the ``repeat``-th time (from 0).

    Ordered; ``str`` and ``parse`` agree.

    Attributes:
        task: ``family/behaviour[.set]``.
        sample: From the data, without a slash.
    """

    task: str
    sample: str
    stimulus: str = MAIN
    repeat: int = 0
    condition: str = CLEAN

    def __str__(self) -> str:
        condition = "" if self.condition == CLEAN else f"+{self.condition}"
        return f"{self.task}/{self.sample}@{self.stimulus}{condition}.r{self.repeat}"

    @classmethod
    def parse(cls, text: str) -> TakeId:
        """The id that a text writes.

        Raises:
            ValueError: It writes none.

        Example:
            >>> TakeId.parse("mini/turn_taking/tt-01@main.r1").repeat
            1
        """
        match = _FORM.fullmatch(text)
        if match is None or match["condition"] == CLEAN:
            raise ValueError(f"not a take's id: {text!r} (expected TASK/SAMPLE@STIMULUS[+CONDITION].rREPEAT)")
        return cls(match["task"], match["sample"], match["stimulus"], int(match["repeat"]), match["condition"] or CLEAN)

    @property
    def pair(self) -> TakeId:
        """The take that this one is compared with: the main stimulus, nothing in between. Both get the same seed."""
        return replace(self, stimulus=MAIN, condition=CLEAN)

    def shard(self, n_shards: int) -> int:
        """In which of so many shards the take is collected: by its sample, so that the takes of one stay together."""
        digest = hashlib.sha256(f"{self.task}/{self.sample}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % n_shards
