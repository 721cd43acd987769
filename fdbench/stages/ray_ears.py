"""Hearing on a Ray cluster, while calls go on: a task of one CPU for each sample of which everything has been recorded.

::

    actors    ==call==|==call==|==call==|==call==|
    tasks              --heard--  --heard--  --heard--  --heard--     wherever a CPU and the memory of the engines are free
    scoring                                                      |    finds the answers in the run's cache

What the cluster could not hear, scoring hears here.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from fdbench.core.annotation import LevelsRequest, Request, WordsRequest
from fdbench.core.conversation import Sample, Take
from fdbench.core.take_id import MAIN, TakeId
from fdbench.errors import DataError
from fdbench.hear.cache import AnnotationCache
from fdbench.hear.engines import NONE, memory_of
from fdbench.hear.recall import recall
from fdbench.hear.stage import Engines
from fdbench.stages.derive import case_of
from fdbench.stages.hear_away import Job, SentAudio, hear_away
from fdbench.stages.options import ScoringOptions
from fdbench.stages.progress import Progress
from fdbench.stages.ray_cluster import has_room_for
from fdbench.stages.score import requests_of
from fdbench.store.run import Run

_WAIT_S: Final = 0.5
_LOOK_S: Final = 10.0
_MOST_FAILURES: Final = 3
"""After so many tasks that failed, the next would, too."""
_WAITING_PER_CPU: Final = 2


class RayEars:
    """Hears the samples of one run.

    Args:
        connect: Gives Ray, connected; asked when there is something to be heard.
        sends: Whether sound is sent along, because machines of the cluster do not write into the run's folder.
    """

    def __init__(self, connect: Callable[[], Any], run: Run, options: ScoringOptions, *, sends: bool) -> None:
        self._connect, self._options, self._sends = connect, options, sends
        self._run = Run(run.folder.absolute())
        self._manifest = self._run.manifest()
        self._shift_s = self._manifest.collection.shift_s_to(options.placement)
        self._asks = options.judging(self._run.verdicts).asks
        self._cache = AnnotationCache(self._run.annotations)
        self._signatures = {each.engines: each.engines.signature_facts() for each in options.by_each()}
        self._ended: dict[TakeId, set[str]] = {}
        self._seen: set[TakeId] = set()
        self._waiting: deque[tuple[TakeId, Sample, Engines]] = deque()
        self._going_on: dict[Any, tuple[TakeId, Sample, Engines]] = {}
        self._tasks: dict[Engines, Any] = {}
        self._looked_s, self._n_cpus = -math.inf, 1
        self._failures: list[str] = []
        self._is_over = False
        self.n_heard = 0

    @property
    def notes(self) -> tuple[str, ...]:
        if not self._failures:
            return ()
        return (f"what could not be heard on the cluster was heard here: {self._failures[-1]}",)

    def add(self, take: Take) -> None:
        """A take was recorded: its sample is heard as soon as all of its takes are."""
        main = replace(take.id, stimulus=MAIN)
        ended = self._ended.setdefault(main, set())
        ended.add(take.stimulus)
        if ended >= set(self._manifest.tasks[main.task].stimuli):
            del self._ended[main]
            self._put(main, take.sample)
        self._gather(0.0)

    def finish(self, takes: Iterable[Take], progress: Progress) -> None:
        """Hear what is left of all takes, whenever they were recorded, and wait for it."""
        for take in takes:
            main = replace(take.id, stimulus=MAIN)
            if take.stimulus == MAIN and main not in self._seen and self._run.is_done(main):
                self._put(main, take.sample)
        stimuli = {name: len(task.stimuli) for name, task in self._manifest.tasks.items()}
        total = self.n_heard + sum(stimuli[asked[0].task] for asked in (*self._waiting, *self._going_on.values()))
        while self._waiting or self._going_on:
            progress("annotation", self.n_heard, max(total, self.n_heard), len(self._failures), "on the cluster")
            self._gather(_WAIT_S)

    def cancel(self) -> None:
        """Nobody waits any more for what is being heard."""
        for answer in self._going_on:
            self._connect().cancel(answer, force=True)
        self._going_on, self._waiting = {}, deque()

    def _put(self, main: TakeId, sample: Sample) -> None:
        self._seen.add(main)
        self._waiting += [(main, sample, each.engines) for each in self._options.by_each()]

    def _gather(self, wait_s: float) -> None:
        """Take what has been heard, and ask for more."""
        self._ask()
        if not self._going_on:
            return
        ray = self._connect()
        answered, _ = ray.wait([*self._going_on], num_returns=len(self._going_on) if not wait_s else 1, timeout=wait_s)
        for answer in answered:
            asked = self._going_on.pop(answer)
            try:
                files = ray.get(answer)
            except Exception as error:  # noqa: BLE001 - whatever a machine lacks: it is heard here
                self._failures.append((str(error).strip().splitlines() or [type(error).__name__])[-1])
                self._is_over = len(self._failures) >= _MOST_FAILURES
                continue
            if files is None:
                self._sends = True
                self._waiting.appendleft(asked)
                continue
            for name, content in files.items():
                self._cache.enter(name, content)
            self.n_heard += len(self._manifest.tasks[asked[0].task].stimuli)
        self._ask()

    def _ask(self) -> None:
        if self._is_over:
            self._waiting.clear()
        while self._waiting and (not self._going_on or len(self._going_on) < self._most()):
            asked = self._waiting.popleft()
            jobs = [*self._jobs(*asked)]
            if not jobs:
                continue
            task = self._task_for(asked[-1])
            if task is None:
                self._is_over = True
                self._waiting.clear()
                return
            folder = None if self._sends else self._run.folder
            self._going_on[task.remote(folder, jobs, asked[-1], str(Path.cwd()))] = asked

    def _task_for(self, engines: Engines) -> Any:
        """What hears by some engines, made once, as the cluster has to be sent it; None where no machine is large enough."""
        if engines not in self._tasks:
            wanted = {"CPU": 1.0, "memory": float(memory_of(engines.asr))}
            if not has_room_for(self._connect(), wanted):
                gib = wanted["memory"] / (1 << 30)
                self._failures.append(f"no machine of the cluster has a CPU and {gib:.1f} GiB for {engines.asr}")
                return None
            task = self._connect().remote(hear_away)
            self._tasks[engines] = task.options(num_cpus=1, memory=wanted["memory"], max_retries=1)
        return self._tasks[engines]

    def _most(self) -> int:
        """Tasks that may be asked for at once; a cluster may grow, and is looked at now and then."""
        now_s = time.monotonic()
        if now_s - self._looked_s > _LOOK_S:
            self._looked_s, self._n_cpus = now_s, max(1, int(self._connect().cluster_resources().get("CPU", 1)))
        return _WAITING_PER_CPU * self._n_cpus

    def _jobs(self, main: TakeId, sample: Sample, engines: Engines) -> Iterator[Job]:
        """What is to be heard of a sample, but what has been; what cannot be read is left to whoever scores it."""
        case = case_of(self._run, self._manifest, main, sample).shifted(self._shift_s)
        for stimulus, requests in requests_of(case, self._options.protocols, asks=self._asks).items():
            audio = case.recorded[stimulus].audio
            wanted = [each for each in requests if not _is_heard_by_nobody(each, engines)]
            if wanted and recall(audio, wanted, self._signatures[engines], self._cache) is None:
                try:
                    yield (SentAudio.of(audio) if self._sends else audio), wanted
                except DataError:
                    continue


def _is_heard_by_nobody(request: Request, engines: Engines) -> bool:
    """Whether an answer is no work of an engine, and is in no cache."""
    return isinstance(request, LevelsRequest) or (isinstance(request, WordsRequest) and engines.asr == NONE)
