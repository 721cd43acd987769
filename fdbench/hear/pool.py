"""Many takes over many processes, with memory that does not grow with their number.

The answers do not depend on the number of workers: an engine's words depend on the audio alone. A worker that is killed
(out of memory, a crash inside an engine) takes no other take with it: whatever was being worked on is done again, one
take at a time in a process of its own, and a take that kills that process too is given up with a reason.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, TypeVar

from fdbench.core.absence import Absence
from fdbench.core.annotation import Annotations, Request
from fdbench.hear.cache import AnnotationCache
from fdbench.hear.stage import Annotator, Engines, TakeAudio

Key = TypeVar("Key")
Job = tuple[Key, TakeAudio, Sequence[Request]]

CRASHED: Final = Absence("annotator_crashed", "the process that heard this recording died")
_QUEUED_PER_WORKER: Final = 2  # one in work, one waiting, so that no worker waits for us


def annotate_many(
    jobs: Iterable[Job[Key]], engines: Engines, cache_root: Path | None, workers: int
) -> Iterator[tuple[Key, Annotations]]:
    """Answer the requests of each job, in order of completion.

    Args:
        jobs: (key, take, requests), drawn as they are needed.
        engines: Loaded once per worker.
        cache_root: Folder of the cache, or None for none.
        workers: Processes; 1 = this one.

    Raises:
        FdbenchError: An engine cannot be loaded; before anything is heard wherever that can be known.
    """
    engines.prepare()
    if workers <= 1:
        annotator = Annotator(engines, _cache_at(cache_root))
        for key, take, requests in jobs:
            yield key, annotator.annotate(take, requests)
        return
    waiting = iter(jobs)
    while True:
        suspects: list[Job[Key]] = []
        yield from _until_a_crash(waiting, engines, cache_root, workers, suspects)
        if not suspects:
            return
        for job in suspects:
            yield job[0], _alone(job, engines, cache_root)


def _until_a_crash(
    waiting: Iterator[Job[Key]], engines: Engines, cache_root: Path | None, workers: int, suspects: list[Job[Key]]
) -> Iterator[tuple[Key, Annotations]]:
    """Run a pool until the jobs are done or it breaks; jobs that were with a broken pool are left in ``suspects``."""
    end_signal, lifeline = multiprocessing.Pipe(duplex=False)
    pool = _pool(workers, end_signal)
    running: dict[Future[Annotations], Job[Key]] = {}
    try:
        while not suspects:
            for job in islice(waiting, workers * _QUEUED_PER_WORKER - len(running)):
                try:
                    running[pool.submit(_annotate_here, job[1], job[2], engines, cache_root)] = job
                except BrokenProcessPool:
                    suspects.append(job)
                    break
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                job = running.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    suspects.append(job)
                else:
                    yield job[0], future.result()
        for future, job in running.items():
            if isinstance(future.exception(), BrokenProcessPool):
                suspects.append(job)
            else:
                yield job[0], future.result()
    finally:
        if running:  # interrupted: nobody waits for what is still being heard
            lifeline.close()
        pool.shutdown(wait=True, cancel_futures=True)
        lifeline.close()
        end_signal.close()


def _alone(job: Job[Key], engines: Engines, cache_root: Path | None) -> Annotations:
    _, take, requests = job
    with _pool(1) as pool:
        try:
            return pool.submit(_annotate_here, take, requests, engines, cache_root).result()
        except BrokenProcessPool:
            return Annotations(missing=dict.fromkeys(requests, CRASHED), messages=(CRASHED.message,))


def _pool(workers: int, end_signal: Connection | None = None) -> ProcessPoolExecutor:
    # spawn: neither onnxruntime nor torch survives a fork once it has threads.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker, initargs=(end_signal,))


def _begin_worker(end_signal: Connection | None) -> None:
    """Leave interrupts to the parent, and end with it, even if it is killed without a chance to say so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, args=(end_signal,), daemon=True).start()


def _exit_with_parent(end_signal: Connection | None) -> None:
    """In the middle of whatever is being heard: answers are written whole or not at all."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel, *([end_signal] if end_signal else [])])
        os._exit(1)


def _annotate_here(take: TakeAudio, requests: Sequence[Request], engines: Engines, cache_root: Path | None) -> Annotations:
    return _annotator_of_this_worker(engines, cache_root).annotate(take, requests)


@lru_cache(maxsize=1)
def _annotator_of_this_worker(engines: Engines, cache_root: Path | None) -> Annotator:
    """A worker outlives its jobs, and weights are to be loaded once: the one thing that is kept between calls."""
    return Annotator(engines, _cache_at(cache_root))


def _cache_at(root: Path | None) -> AnnotationCache | None:
    return AnnotationCache(root) if root is not None else None
