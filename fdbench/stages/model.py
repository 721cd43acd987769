"""What ``--model`` may name, as a run sees it: a party that is called, or a folder of recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fdbench import __version__
from fdbench.adapter import load
from fdbench.adapter.contract import Check
from fdbench.call.budget import Budget
from fdbench.call.call import Ending
from fdbench.call.driver import Party
from fdbench.call.examined_calls import ExaminedCalls
from fdbench.call.examiner.options import ExaminerOptions
from fdbench.call.source import PromptCalls, Source
from fdbench.call.timeouts import Timeouts
from fdbench.errors import UsageError
from fdbench.stages.doctor import examine_adapter
from fdbench.stages.recordings import PREFIX, RecordingsModel, RecordingsSupply
from fdbench.store.manifest import Collection
from fdbench.store.run import Run
from fdbench.task.conditions import find_condition
from fdbench.task.load import LoadedTask

if TYPE_CHECKING:
    from fdbench.stages.request import RunRequest
    from fdbench.task.data import Data


@dataclass(frozen=True, slots=True)
class PartyModel:
    """A party that is called, take by take, with its arguments settled and nothing loaded; it is its own supply.

    ``RecordingsModel`` and ``RecordingsSupply`` do the same for a folder.
    """

    adapter: load.Adapter

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each thing that a user should know before anything is done."""
        return self.adapter.notes

    def collection(self, request: RunRequest) -> Collection:
        """The settings that name a run.

        Raises:
            UsageError: An option makes no sense with this model.
        """
        is_live = self.adapter.is_live or request.examiner.is_live
        if request.limits_live_calls and not is_live and not (request.examiner.is_llm and request.limits_cost_alone):
            raise UsageError(
                "--max-cost, --max-minutes and --most-late are for calls on the wall clock",
                f"leave them out: {self.adapter.spec.name} has none",
            )
        if request.max_cost is not None and self.price_of(1.0, ExaminerOptions()) is None and self.adapter.is_live:
            raise UsageError(
                f"--max-cost {request.max_cost:g}: what {self.adapter.spec.name} costs is not known here",
                "say it with --arg price=IN,OUT per million tokens (gpt-live: usd_per_minute=), or use --max-minutes",
            )
        if request.max_cost is not None and request.examiner.price_of(1.0) is None:
            raise UsageError(
                f"--max-cost {request.max_cost:g}: what the examiner {request.examiner.kind} costs is not known here",
                "say it with --examiner-arg price=IN,OUT per million tokens, or use --max-minutes",
            )
        condition = find_condition(request.condition, request.noise)
        spec, provenance, files = self.adapter.spec, self.adapter.provenance(), self.adapter.files()
        # What a file holds is in the id, so where it lies need not be.
        arguments = {key: Path(value).name if key in files else value for key, value in provenance.arguments.items()}
        return Collection(
            model=spec.name,
            kind=spec.kind,
            adapter=self.adapter.identity,
            arguments=arguments,
            files=files,
            weights_revision=provenance.weights_revision,
            clock=load.LIVE if is_live else spec.clock,
            slots=self.adapter.slots_of(request.slots),
            seed=request.seed,
            lead_in_s=spec.lead_in_s if request.lead_in_s is None else request.lead_in_s,
            published_shift_s=spec.published_shift_s,
            tail_silence_s=request.ending.silence_s,
            tail_limit_s=request.ending.limit_s,
            condition=condition.name,
            condition_facts=condition.facts,
            examiner=request.examiner.as_named,
            fdbench=__version__,
        )

    def supply(self, tasks: Sequence[LoadedTask]) -> PartyModel:
        """What would give the recordings of these tasks, which are whole, also where only some samples will be asked for.

        Raises:
            DataError: It could give none at all.
        """
        return self

    def check(self, run: Run) -> None:
        """Make sure that what is in the run's folder is what would be collected now.

        There is nothing to do: the run's id is made from everything that determines a call.
        """

    def price_of(self, minutes: float, examiner: ExaminerOptions) -> float | None:
        """What so many minutes of conversation on the wall clock may cost; None where nobody knows."""
        prices = [self.adapter.price_of(minutes) if self.adapter.is_live else 0.0, examiner.price_of(minutes)]
        known = [price for price in prices if price is not None]
        return sum(known) if len(known) == len(prices) else None

    def open_source(
        self, collection: Collection, budget: Budget, most_late_s: float, examiner: ExaminerOptions, noise: str = ""
    ) -> Source:
        """Load what is needed; only calls on the wall clock keep to the budget. Raises FdbenchError where that fails."""
        open_model = self.adapter.open_live if self.adapter.is_live else self.adapter.open_party
        model = open_model(collection.slots)

        def calls_with(user: Party | None, longest_s: float) -> PromptCalls:
            return PromptCalls(
                model,
                collection.seed,
                collection.lead_in_s,
                Ending(collection.tail_silence_s, collection.tail_limit_s),
                find_condition(collection.condition, noise),
                tells_truth=self.adapter.spec.tells_truth,
                budget=budget,
                timeouts=Timeouts(most_late_s=most_late_s),
                user=user,
                longest_s=longest_s,
            )

        return ExaminedCalls(model, examiner, calls_with)

    def examine(self, data: Data | None) -> tuple[Check, ...]:
        """What ``fdbench doctor`` finds out about it. Raises FdbenchError where there is nothing to examine."""
        return examine_adapter(self.adapter)


Model = PartyModel | RecordingsModel
Supply = PartyModel | RecordingsSupply


def find_model(name: str, arguments: Mapping[str, str]) -> Model:
    """The model that ``--model NAME --arg ...`` means.

    Raises:
        FdbenchError: There is none, or an argument is unknown or wrong.
    """
    if f"{name}:" == PREFIX or name.startswith(PREFIX):
        return RecordingsModel.named(name, arguments)
    return PartyModel(load.resolve(load.find_model(name), arguments))
