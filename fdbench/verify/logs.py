"""A verification of calls on the wall clock: does each recording follow from the log of its call?"""

from __future__ import annotations

import numpy as np

from fdbench.call.session_log import from_stored, recording_of
from fdbench.errors import DataError
from fdbench.io.wav import digest_of_audio
from fdbench.store.manifest import RunManifest
from fdbench.store.record import StoredEvent
from fdbench.store.run import Run
from fdbench.verify.differences import Group
from fdbench.verify.files import Takes


def check_logs(run: Run, manifest: RunManifest, takes: Takes) -> Group:
    """Every log that a record names: whole, and what it gives."""
    group = Group("logs")
    silence_s = manifest.collection.tail_silence_s
    for key, record in takes.records.items():
        if record.log is None:
            if manifest.collection.clock == "realtime" and record.status == "recorded":
                group.differ(f"takes/{record.name}.json", f"{record.name}: a call on the wall clock without a log")
            continue
        group.count("logs")
        try:
            stored = run.read_log(record)
            given = recording_of(from_stored(stored), np.zeros(0, np.float32), silence_s)
        except (DataError, ValueError) as error:
            what = error.what.removeprefix(f"{run.folder}/") if isinstance(error, DataError) else f"no log: {error}"
            group.differ(record.log.lines, what)
            continue
        if record.model is None or key in takes.faulty:
            continue  # of a call that broke there is no recording
        group.count("recordings replayed")
        events = [StoredEvent.of(event) for event in given.events]
        for name, said, follows in (
            ("model's audio", record.model.digest, digest_of_audio(given.model.audio)),
            ("right_censored", record.right_censored, given.right_censored),
            ("number of events", len(record.events), len(events)),
            ("events", record.events == events, True),
        ):
            if said != follows:
                group.differ(record.log.lines, f"{record.name}: {name}: not what follows from its log", said, follows)
    return group
