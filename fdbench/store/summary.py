"""``summary.json``: the numbers of one scoring, as the scorers write them and reports read them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PlainSerializer, field_validator, model_validator
from typing_extensions import Self

from fdbench.core.metric import METRICS
from fdbench.core.score import MetricSummary
from fdbench.core.signature import parse_signature
from fdbench.store.conversation import FamilyConversation
from fdbench.store.stored import SCHEMA, Stored

MOST: Final = {"rate": 1.0, "F1": 1.0, "share": 1.0, "0-5": 5.0}
"""The most that a value in some units can be."""
LEAST: Final = {"F1": -1.0}
"""The least that a value in some units can be: F1 above chance may lie below it."""
SIGNED: Final = ("s", "bit", "of ceiling")
"""Units in which a value has no least; in any other it is 0."""
_NUMBERS: Final = frozenset({"value", "ci_low", "ci_high", "n_scored", "n_not_applicable", "n_censored", "n_error", "details"})
ROUNDING: Final = 1e-9
MOST_OF_ANY: Final = 86_400.0
"""In any unit: seconds in a day, and far more than any rate of errors or events."""

MOST_COUNT: Final = 1e9
"""Of anything that is counted in a task."""


def _possible(summary: MetricSummary) -> MetricSummary:
    known = METRICS.get(summary.metric)
    if known and summary.unit != known.unit:
        raise ValueError(f"unit: expected {known.unit}, found {summary.unit!r}")
    for name in ("n_scored", "n_not_applicable", "n_censored", "n_error"):
        if getattr(summary, name) < 0:
            raise ValueError(f"{name}: expected 0 or more, found {getattr(summary, name)}")
    most = MOST.get(summary.unit, MOST_OF_ANY)
    is_difference = known is not None and known.is_voice
    least = -most if summary.unit in SIGNED or is_difference else LEAST.get(summary.unit, 0.0)
    for name in ("value", "ci_low", "ci_high"):
        value = getattr(summary, name)
        if value is not None and not least - ROUNDING <= value <= most + ROUNDING:
            raise ValueError(f"{name}: expected {summary.unit} from {least:g} to {most:g}, found {value:g}")
    for name, value in summary.details.items():
        if not -MOST_COUNT <= value <= MOST_COUNT:
            raise ValueError(f"details.{name}: expected at most {MOST_COUNT:g}, found {value:g}")
    if summary.ci_low is not None and summary.ci_high is not None and summary.ci_low > summary.ci_high:
        raise ValueError(f"ci_low: expected at most ci_high {summary.ci_high:g}, found {summary.ci_low:g}")
    if summary.value is not None and summary.n_scored < 1:
        raise ValueError(f"n_scored: expected at least 1 behind the value {summary.value}, found {summary.n_scored}")
    try:
        parse_signature(summary.signature)
    except ValueError:
        raise ValueError(f"signature: expected name|key:value|..., found {summary.signature!r}") from None
    return summary


def _number(value: Any) -> Any:
    """What JSON writes as text or as true is no number, though it could be made one."""
    if isinstance(value, (str, bool)):
        raise ValueError(f"expected a number, found {value!r}")
    return value


def _typed(metric: Any) -> Any:
    for name in _NUMBERS & metric.keys() if isinstance(metric, dict) else ():
        try:
            _number(metric[name])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return metric


Count = Annotated[int, BeforeValidator(_number), Field(ge=0)]


_Metric = Annotated[MetricSummary, BeforeValidator(_typed), AfterValidator(_possible), PlainSerializer(MetricSummary.as_json)]
_LENIENT = ConfigDict(extra="ignore", strict=False, allow_inf_nan=False)  # strictly, a dataclass is read from no dict
"""Later versions may put further keys there."""


class ScoredTask(Stored):
    """A task's numbers: by metric, without the metric's name in it."""

    model_config = _LENIENT
    version: int
    family: str
    behaviour: str
    n_samples: Count
    n_errors: Count
    metrics: dict[str, _Metric]

    @field_validator("metrics", mode="before")
    @classmethod
    def _named(cls, metrics: Any) -> Any:
        if not isinstance(metrics, dict):
            return metrics
        return {name: {"metric": name, **each} if isinstance(each, dict) else each for name, each in metrics.items()}

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.n_errors > self.n_samples:
            raise ValueError(f"n_errors: expected at most n_samples {self.n_samples}, found {self.n_errors}")
        for name, metric in self.metrics.items():
            n = metric.n_scored + metric.n_not_applicable + metric.n_censored + metric.n_error
            if n > self.n_samples:
                raise ValueError(f"metrics.{name}: expected counts of at most {self.n_samples} samples together, found {n}")
        return self


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
        conversation: By family, how turns pass over all of its tasks, beside people.
        human: The people, as their file says it, where they did not come with fdbench.
    """

    model_config = _LENIENT
    later: ClassVar[tuple[str, ...]] = ("placement", "shift_s", "judges", "notes", "conversation", "human")
    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    run_id: str
    protocol: str
    engines: EngineSignatures
    placement: str | None = None
    shift_s: float = 0.0
    judges: dict[str, int] = Field(default={})
    notes: list[str] = Field(default=[])
    conversation: dict[str, FamilyConversation] = Field(default={})
    human: dict[str, Any] | None = None
    tasks: dict[str, ScoredTask]
