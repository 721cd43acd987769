"""Are a run's recordings those that its records name, and do those of calls on the wall clock follow from their logs?"""

from __future__ import annotations

from fdbench.call.call import Ending
from fdbench.call.replay import replay_call, said_by_caller
from fdbench.call.session_log import from_stored
from fdbench.core.conversation import FailedCall, Sample, Take
from fdbench.core.sound import Audio
from fdbench.errors import DataError
from fdbench.io.wav import digest_of_audio
from fdbench.store.record import StoredEvent, StoredLog, TakeRecord
from fdbench.verify.differences import Group
from fdbench.verify.records import Takes, about


def check_audio(takes: Takes) -> Group:
    """Both files of each record: there, of the recorded size, rate, length and hash; no other files.

    Of a run that was exported without its prompts, the model's alone.
    """
    group, run = Group("audio"), takes.run
    channels = ("user", "model", "model-heard", "user-heard")
    known = {run.relative(run.audio_file(take, channel)) for take in takes.faulty for channel in channels}
    for take, record in takes.records.items():
        for track in run.tracks_of(record).values():
            known.add(track.file)
            group.count("files")
            try:
                now = run.measured(track)
            except DataError as error:
                group.broken(track.file, error, about(take))
                takes.blame(take, "its audio differs")
                continue
            group.count("hashes")
            if group.diff(track.file, track.model_dump(), now.model_dump(), about(take)):
                takes.blame(take, "its audio differs")
    for file in run.files_in("audio"):
        if file not in known:
            group.differ(file, "no record names this file")
    return group


def check_logs(takes: Takes) -> Group:
    """Every log that a record names: whole, and what it gives."""
    group, collection = Group("logs"), takes.manifest.collection
    for take, record in takes.records.items():
        if record.user_log is not None:
            _check_caller(group, takes, record, record.user_log)
        if record.log is None:
            if collection.clock == "realtime" and record.status == "recorded" and record.user_log is None:
                group.differ(takes.file_of(take), f"{take}: a call on the wall clock without a log")
            continue
        group.count("logs")
        try:
            log = from_stored(takes.run.read_log(record))
            silence = Audio.silence(log.prompt_s, log.rate_user)  # the log says what came, whatever the user said
            ending = Ending(collection.tail_silence_s, collection.tail_limit_s)
            given = replay_call(Take(Sample(take.sample, take.task, {})), silence, log.lead_in_s, log, ending)
        except (DataError, ValueError) as error:
            what = error.what.removeprefix(f"{takes.run.folder}/") if isinstance(error, DataError) else f"no log: {error}"
            group.differ(record.log.lines, what)
            continue
        if record.model is None or take in takes.faulty:
            continue  # of a call that broke there is no recording
        if isinstance(given, FailedCall):
            group.differ(record.log.lines, given.message)
            continue
        group.count("recordings replayed")
        says = {
            "model's audio": record.model.digest,
            "right_censored": record.right_censored,
            "events": [event.model_dump() for event in record.events],
        }
        follows = {
            "model's audio": digest_of_audio(given.model.audio),
            "right_censored": given.right_censored,
            "events": [StoredEvent.of(event).model_dump() for event in given.events],
        }
        group.diff(record.log.lines, says, follows, f"{take}: not what follows from its log:")
    return group


def _check_caller(group: Group, takes: Takes, record: TakeRecord, stored: StoredLog) -> None:
    """What was heard of a caller is what its log gives."""
    group.count("logs")
    try:
        log = from_stored(takes.run.read_stored_log(stored))
    except (DataError, ValueError) as error:
        what = error.what.removeprefix(f"{takes.run.folder}/") if isinstance(error, DataError) else f"no log: {error}"
        group.differ(stored.lines, what)
        return
    if record.user is not None and record.id not in takes.faulty:
        group.count("recordings replayed")
        follows = digest_of_audio(said_by_caller(log, 0, record.user.n_samples))
        about_log = f"{record.id}: not what follows from its log:"
        group.diff(stored.lines, {"user's audio": record.user.digest}, {"user's audio": follows}, about_log)
