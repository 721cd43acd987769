"""``summary.json``: the numbers of one scoring, as the scorers write them and reports read them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field, PlainSerializer, field_validator

from fdbench.core.score import MetricSummary
from fdbench.core.signature import parse_signature
from fdbench.store.stored import SCHEMA, Stored


def _possible(summary: MetricSummary) -> MetricSummary:
    if summary.value is not None and summary.n_scored < 1:
        raise ValueError(f"n_scored: expected at least 1 behind the value {summary.value}, found {summary.n_scored}")
    try:
        parse_signature(summary.signature)
    except ValueError:
        raise ValueError(f"signature: expected name|key:value|..., found {summary.signature!r}") from None
    return summary


_Metric = Annotated[MetricSummary, AfterValidator(_possible), PlainSerializer(MetricSummary.as_json)]
_LENIENT = ConfigDict(extra="ignore", allow_inf_nan=False)
"""Later versions may put further keys there."""


class ScoredTask(Stored):
    """A task's numbers: by metric, without the metric's name in it."""

    model_config = _LENIENT
    version: int
    family: str
    behaviour: str
    n_samples: int
    n_errors: int
    metrics: dict[str, _Metric]

    @field_validator("metrics", mode="before")
    @classmethod
    def _named(cls, metrics: dict[str, Any]) -> dict[str, Any]:
        return {name: {"metric": name, **each} if isinstance(each, dict) else each for name, each in metrics.items()}


class EngineSignatures(Stored):
    """Who heard and who judged."""

    model_config = _LENIENT
    asr: str
    vad: str
    judge: str


class Summary(Stored):
    """The whole file; keys of other versions are left alone.

    Attributes:
        placement: Where the model's replies lay when they were scored; None = where they were recorded.
        shift_s: How far they were moved for it.
        judges: How many verdicts came from each model that the judge's server named.
        notes: What a reader has to know of how the calls were held.
    """

    model_config = _LENIENT
    later: ClassVar[tuple[str, ...]] = ("placement", "shift_s", "judges", "notes")
    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    run_id: str
    protocol: str
    engines: EngineSignatures
    placement: str | None = None
    shift_s: float = 0.0
    judges: dict[str, int] = Field(default={})
    notes: list[str] = Field(default=[])
    tasks: dict[str, ScoredTask]
