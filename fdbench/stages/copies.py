"""Clips that count twice because somebody kept a copy of them beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fdbench.core.take_id import MAIN
from fdbench.errors import DataError
from fdbench.stages.cases import Case, RecordedTake


def copies_among(cases: Iterable[Case]) -> Iterator[str]:
    """A line for each sample whose prompt and recording are, sample for sample, those of one before it in its task."""
    first: dict[tuple[str, str, str], str] = {}
    for case in cases:
        take = case.takes[MAIN]
        if not isinstance(take, RecordedTake):
            continue
        try:
            user, model = take.audio.digest("user"), take.audio.digest("model")
        except DataError:  # reported where it is heard
            continue
        if user is None or model is None:
            continue
        same = first.setdefault((case.sample.task, user, model), case.sample.id)
        if same != case.sample.id:
            yield f"{case.sample.id}: the same prompt and recording as {same}, so that the clip counts twice"
