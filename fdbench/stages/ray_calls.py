"""Calls that actors on the machines of a Ray cluster make, with the model; this process hands them out.

::

    this process              actor on a GPU               actor on another machine
    HandOut  --takes-->       model, 64 calls going on     model, 64 calls going on
             <--ended--       writes what ended            the same, or sends it all here

An actor that dies, alone or with its machine, is replaced, and what it was at is made again. Budgets are kept here, for all.
Ray decides where an actor runs, and brings further machines up where it has been told how.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from fdbench.adapter.load import LIVE
from fdbench.call.budget import Budget
from fdbench.call.session_log import SessionLog, as_stored, spent_by
from fdbench.core.conversation import FailedCall, Recording, Take
from fdbench.errors import FdbenchError
from fdbench.stages.engine import Outcome, Ray
from fdbench.stages.handing import HandOut
from fdbench.stages.order import in_order, prompt_s
from fdbench.stages.plan import Plan
from fdbench.stages.ray_actor import NOTHING, CallActor, Ended, Job, Ready, Stopped
from fdbench.stages.ray_cluster import free_in, room_in
from fdbench.store.run import Run

WAIT_S: Final = 0.5
"""An actor in which nothing ends answers after so long."""
_GROW_S: Final = 10.0
"""How often it is looked whether the cluster has become larger."""
_START_S: Final = 60.0
"""An actor that takes longer to begin gets no share kept free for it."""
_STOP_S: Final = 5.0
_MOST_DEATHS: Final = 3
"""After so many deaths for each actor in which no call ended, the next would die, too."""


@dataclass(slots=True, eq=False)
class _Worker:
    """An actor as this process sees it.

    Attributes:
        asked: The answer that is waited for: of ``ready``, then of ``exchange``; None = nothing has been asked.
        since_s: When it was asked for.
        ready: None until its model is loaded.
    """

    actor: Any
    asked: Any
    since_s: float
    ready: Ready | None = None


class RayCalls:
    """A ``Source`` whose calls are made by actors. Made once the first of them has loaded the model.

    Args:
        ray: Connected.
        tell: What a person should know who waits for it.

    Attributes:
        kept: Calls that are in the run's folder already.
        hosts: Where each call was made.
        lengths_s: Of each call.

    Raises:
        FdbenchError: The model cannot be loaded.
    """

    def __init__(
        self, ray: Any, where: Ray, plan: Plan, run: Run, budget: Budget, tell: Callable[[str], None] = lambda what: None
    ) -> None:
        self.kept: set[str] = set()
        self.hosts: dict[str, str] = {}
        self.lengths_s: dict[str, float] = {}
        self.uncollected: list[tuple[Take, Outcome]] = []
        self.interrupted: list[tuple[Take, FailedCall]] = []
        self._where, self._plan, self._run, self._budget = where, plan, run, budget
        self._is_live = plan.collection.clock == LIVE
        self._slots = plan.collection.slots
        self._is_limited = self._is_live or plan.request.examiner.is_llm
        self._costs: dict[str, float] = {}
        self._notes: dict[str, None] = {}
        self._lost: Counter[str] = Counter()
        self._n_made_again = 0
        self._n_deaths = 0
        self._ray = ray
        self._sign: Path | None = None
        self._workers: list[_Worker] = []
        try:
            if where.store == "auto":
                self._sign = run.folder / f".ray.{secrets.token_hex(4)}.part"  # if we are killed, whoever is next sweeps it
                self._sign.touch()
            self._grow()
            while not any(worker.ready for worker in self._workers):
                for worker in self._answered():
                    if self._answer(worker) is None:
                        self._replace(worker)
                tell(f"no actor is ready yet; {free_in(ray, self._options)}")
        except BaseException:
            self.release()
            raise

    @property
    def notes(self) -> tuple[str, ...]:
        if not self._lost:
            return tuple(self._notes)
        where = ", ".join(f"{n} on {host}" for host, n in sorted(self._lost.items()))
        return (f"actors died: {where}; {self._n_made_again} calls that they were at were made again", *self._notes)

    @property
    def crew(self) -> str:
        n = sum(worker.ready is not None for worker in self._workers)
        return f"{n} {'GPUs' if self._options.get('num_gpus') else 'actors'}"

    def examiner_cost(self, take: Take) -> float:
        return self._costs.get(str(take.id), 0.0)

    def collect(self, takes: Iterable[Take | None]) -> Generator[tuple[Take, Outcome], None, None]:
        settings = self._plan.collection
        around_s = settings.lead_in_s + (settings.tail_silence_s + settings.tail_limit_s) / 2
        slots = self._slots * len(self._workers)
        todo = in_order(filter(None, takes), self._plan.request.examiner.duration_s, around_s, slots)
        handing = HandOut(todo, self._slots)
        self._budget.resume()
        grown_s = time.monotonic()
        try:
            while not handing.is_over:
                self._hand_out(handing)
                for worker in self._answered():
                    answer = self._answer(worker)
                    if answer is None:
                        yield from self._lose(worker, handing)
                    elif isinstance(answer, list):
                        for ended in answer:
                            if handing.end(worker, ended.take.id) is not None:
                                yield self._noted(worker, ended)
                if time.monotonic() - grown_s > _GROW_S:
                    grown_s = time.monotonic()
                    self._grow()
        finally:
            self._budget.stop()
            self._stop(handing)
            hosts = Counter(worker.ready.host for worker in self._workers if worker.ready is not None)
            where = ", ".join(f"{n} on {host}" for host, n in sorted(hosts.items()))
            self._notes[f"calls were made by {sum(hosts.values())} actors: {where}"] = None

    def release(self) -> None:
        for worker in self._workers:
            self._ray.kill(worker.actor)
        self._workers = []
        if self._sign is not None:
            self._sign.unlink(missing_ok=True)

    # Actors

    def _grow(self) -> None:
        """Start actors for what the cluster has."""
        room, options = room_in(self._ray, self._plan.supply, self._plan.collection)
        wanted = self._where.actors or room
        if self._is_live and not self._workers:  # the server bears the calls of all, so they are counted together
            wanted = min(wanted, self._slots)
            self._slots //= wanted
        elif self._is_live:
            wanted = len(self._workers)
        for _ in range(wanted - len(self._workers)):
            self._workers.append(self._started(options))

    def _started(self, options: Mapping[str, Any]) -> _Worker:
        budgets = (self._plan.request.max_cost, self._plan.request.max_minutes)
        job = Job(
            request=replace(self._plan.request, data=None, ray=None, mirror=None),
            collection=self._plan.collection,
            slots=self._slots,
            folder=self._run.folder.absolute(),
            sign=self._sign.name if self._sign is not None else "",
            working_folder=str(Path.cwd()),
            path=tuple(each for each in sys.path if each),
            tries_again=budgets == (None, None),
        )
        self._options = options
        # Ray restarts no actor: one that is restarted knows neither its model nor what it was at.
        actor = self._ray.remote(CallActor).options(max_restarts=0, max_task_retries=0, **options).remote(job)
        return _Worker(actor, actor.ready.remote(), time.monotonic())

    def _answered(self) -> list[_Worker]:
        """Actors whose answer is there; waits a little for the first."""
        asked = {worker.asked: worker for worker in self._workers if worker.asked is not None}
        done, _ = self._ray.wait([*asked], num_returns=1, timeout=WAIT_S)
        return [asked[each] for each in done]

    def _answer(self, worker: _Worker) -> Ready | list[Ended] | None:
        """What an actor said; None where it has died. Raises what was raised in it."""
        asked, worker.asked = worker.asked, None
        errors = self._ray.exceptions
        try:
            answer: Ready | list[Ended] = self._ray.get(asked)
        except errors.RayError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, FdbenchError):
                raise cause from None
            self._n_deaths += 1
            if self._n_deaths >= _MOST_DEATHS * len(self._workers):
                why = str(cause or error).strip().splitlines() or [type(error).__name__]
                what = f"{self._n_deaths} actors died one after the other, and no call ended: {why[0]}"
                raise FdbenchError(what, "see the logs of the Ray cluster; what is done is kept") from None
            return None
        if isinstance(answer, Ready):
            worker.ready = answer
        return answer

    def _replace(self, worker: _Worker) -> None:
        with suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.kill(worker.actor)  # one that only cannot be reached is not to go on
        self._workers[self._workers.index(worker)] = self._started(self._options)

    # Calls

    def _hand_out(self, handing: HandOut) -> None:
        now_s = time.monotonic()
        n_workers = sum(worker.ready is not None or now_s - worker.since_s < _START_S for worker in self._workers)
        for worker in self._workers:
            if worker.ready is None or worker.asked is not None:
                continue
            takes: list[Take] = []
            while handing.room(worker, n_workers) and self._may_begin(handing):
                takes.append(handing.give(worker))
            if takes or handing.held_by(worker):
                worker.asked = worker.actor.exchange.remote(takes, WAIT_S)

    def _may_begin(self, handing: HandOut) -> bool:
        """Whether the budget allows the next call; where it never will, none is left to be made."""
        take = handing.waiting[0]
        if not self._is_limited or self._budget.begin(str(take.id), self._most_minutes(take), may_wait=False):
            return True
        if not handing.n_held:
            self._budget.n_left = len(handing.waiting)
            handing.waiting.clear()
        return False

    def _most_minutes(self, take: Take) -> float:
        settings = self._plan.collection
        spoken_s = prompt_s(take, self._plan.request.examiner.duration_s)
        return (settings.lead_in_s + spoken_s + settings.tail_limit_s) / 60 if self._is_live else 0.0

    def _noted(self, worker: _Worker, ended: Ended) -> tuple[Take, Outcome]:
        name = str(ended.take.id)
        self._n_deaths = 0
        if ended.is_kept:
            self.kept.add(name)
        if worker.ready is not None:
            self.hosts[name] = worker.ready.host
        self._costs[name], self.lengths_s[name] = ended.examiner_cost, ended.length_s
        self._spent(ended.take, ended.outcome)
        return ended.take, ended.outcome

    def _spent(self, take: Take, outcome: Outcome) -> None:
        if self._is_limited:
            spent = spent_by(outcome)
            cost = ((spent.cost if spent else None) or 0.0) + self.examiner_cost(take)
            self._budget.end(str(take.id), spent.minutes if spent else 0.0, cost)

    def _lose(self, worker: _Worker, handing: HandOut) -> Iterator[tuple[Take, Outcome]]:
        """An actor has died: what it wrote is there, and what it was at waits again."""
        where = worker.ready.host if worker.ready else "a machine"
        held = handing.held_by(worker)
        for take in held:
            if not self._plan.request.again and self._run.is_done(take.id):
                handing.end(worker, take.id)
                self.kept.add(str(take.id))
                outcome = self._written(take)
                self._spent(take, outcome)
                yield take, outcome
        again, given_up = handing.lose(worker)
        for take in again:
            self._break_off(take, f"an actor on {where} died")
        for take in given_up:
            outcome = self._with_what_it_took(take, FailedCall("worker", f"each actor that was at it died, lastly on {where}"))
            self._spent(take, outcome)
            yield take, outcome
        self._lost[where] += 1
        self._n_made_again += len(again)
        self._replace(worker)

    def _written(self, take: Take) -> Outcome:
        """What the log says of a call that is in the run's folder, and of which its actor could say nothing any more."""
        record = self._run.read_record(take.id)
        assert record is not None
        log = self._run.read_log(record) if record.log is not None else None
        return Recording(NOTHING, NOTHING, record.clock or "", record.prompt_s or 0.0, False, log=log)

    def _break_off(self, take: Take, why: str) -> None:
        fault = self._with_what_it_took(take, FailedCall("interrupted", why))
        self.interrupted.append((take, fault))
        self._spent(take, fault)

    def _with_what_it_took(self, take: Take, fault: FailedCall) -> FailedCall:
        """Nobody knows how far a call on the wall clock came, so it has taken all that was set aside for it."""
        if not self._is_live:
            return fault
        minutes = self._most_minutes(take)
        took = {"why": fault.message, "minutes": minutes, "cost": self._plan.price_of(minutes), "usage": {}}
        return replace(fault, log=as_stored(SessionLog(1, 1, 0.0, 0.0, broken=[took])))

    def _stop(self, handing: HandOut) -> None:
        """Let the actors give up what is going on, and take what they still have."""
        stops: list[tuple[_Worker, list[Any]]] = []
        for worker in self._workers:
            if worker.ready is not None:
                asked = [worker.asked] if worker.asked is not None else []
                stops.append((worker, [*asked, worker.actor.stop.remote(_STOP_S / 2)]))
                worker.asked = None
        until_s = time.monotonic() + _STOP_S
        for worker, answers in stops:
            for each in answers:
                with suppress(self._ray.exceptions.RayError):
                    self._take_last(worker, self._ray.get(each, timeout=max(0.1, until_s - time.monotonic())), handing)
            for take in handing.held_by(worker):
                self._break_off(take, "nobody waited for its end")

    def _take_last(self, worker: _Worker, answer: Stopped | list[Ended], handing: HandOut) -> None:
        if isinstance(answer, Stopped):
            self._notes.update(dict.fromkeys(answer.notes))
            for take, fault in answer.interrupted:
                if handing.end(worker, take.id) is not None:
                    self.interrupted.append((take, fault))
                    self._spent(take, fault)
        for ended in answer.ended if isinstance(answer, Stopped) else answer:
            if handing.end(worker, ended.take.id) is not None:
                self.uncollected.append(self._noted(worker, ended))
