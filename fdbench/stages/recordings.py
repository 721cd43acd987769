"""``--model recordings:DIR``: recordings made elsewhere in the place of a model, scored like calls made here.

A run is named by what the user calls the model (``--arg name=``, else the folder's name), the channel and the offset, not
by what the files hold: so clips that were missing or damaged can be added, more tasks and more samples asked for, and what
was transcribed is not transcribed again. In return no two contents ever share a run: before anything is done, every
recording that the run already holds is compared, sample by sample, with what the folder would give now, and any difference
ends the start. A recording that has gone from the folder stays in the run, which has a copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fdbench import __version__
from fdbench.adapter.contract import Check
from fdbench.adapter.load import settle_arguments
from fdbench.call.budget import Budget
from fdbench.call.examiner.options import ExaminerOptions
from fdbench.call.matching import Matches, SampleKey, TaskSamples, check_pattern, list_recordings, match_folder
from fdbench.call.recordings import CLOCK, FolderRecordings
from fdbench.call.source import Source
from fdbench.core.conversation import FailedCall, Take
from fdbench.core.take_id import MAIN, TakeId
from fdbench.errors import DataError, UsageError
from fdbench.io.wav import digest_of_audio
from fdbench.store.manifest import Collection
from fdbench.store.run import Run
from fdbench.task.load import AVAILABLE, LoadedTask, load_samples, select_tasks, task_specs

if TYPE_CHECKING:
    from fdbench.stages.request import RunRequest
    from fdbench.task.data import Data
    from fdbench.task.spec import TaskSpec

PREFIX: Final = "recordings:"
KIND: Final = "recordings"
SUMMARY: Final = "a folder of recordings made elsewhere, one per sample: DIR/<task>/<id>.wav and other layouts"
MAX_OFFSET_S: Final = 600.0
AUTO: Final = "auto"
_NAMED: Final = 5
_NO_SETTINGS: Final = ("name", "pattern")
"""Options that say what the recordings are called, and nothing about what is in them."""


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """``--arg`` of a folder of recordings.

    Attributes:
        channel: The model's, counted from 0; None = the files are mono.
        offset_s: Where the first sample of each recording lies; 0 = with the first sample of the prompt; ``auto`` = where the
            prompt that is heard in it says.
        name: What the model is called; None = as the folder.
        pattern: How the files are called (``call.matching``); None = in one of the usual ways.
    """

    channel: int | None = None
    offset_s: float | str = 0.0
    name: str | None = None
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class RecordingsModel:
    """A folder, and how its recordings are to be understood."""

    folder: Path
    options: RecordingOptions

    @classmethod
    def named(cls, model: str, arguments: Mapping[str, str]) -> RecordingsModel:
        """What ``--model recordings:DIR --arg ...`` means.

        Raises:
            UsageError: There is no such folder, or an argument is unknown or makes no sense.
        """
        text = model.removeprefix(PREFIX)
        if not text or model == PREFIX.rstrip(":"):
            raise UsageError(f"--model {model}: which folder?", f"write {PREFIX}DIR")
        folder = Path(text).expanduser()
        if not folder.is_dir():
            raise UsageError(f"--model {model}: no folder {text}", "give the folder that holds the recordings")
        options = RecordingOptions(**settle_arguments(RecordingOptions, PREFIX.rstrip(":"), PREFIX, arguments, {}))
        if options.channel is not None and options.channel < 0:
            raise UsageError(f"--arg channel={options.channel}: expected 0 or more", "channels are counted from 0")
        if isinstance(options.offset_s, str):
            if options.offset_s != AUTO:
                raise UsageError(f"--arg offset_s={options.offset_s}: expected float or {AUTO}", "give seconds, as in -1.92")
        elif options.offset_s > MAX_OFFSET_S:
            raise UsageError(
                f"--arg offset_s={options.offset_s:g}: expected at most {MAX_OFFSET_S:g}",
                "give the offset in seconds, not in milliseconds or samples",
            )
        if options.name is not None and not options.name.strip():
            raise UsageError("--arg name=: expected a name", "leave it out for the folder's own")
        if options.pattern is not None:
            check_pattern(options.pattern)
        return cls(folder, replace(options, offset_s=options.offset_s or 0.0))  # -0.0 is 0.0

    @property
    def name(self) -> str:
        own = self.folder.resolve().name.encode(errors="backslashreplace").decode()
        return self.options.name or own or KIND

    def collection(self, request: RunRequest) -> Collection:
        if request.lead_in_s is not None:
            raise UsageError(
                f"--lead-in {request.lead_in_s:g}: nobody is called, so there is nothing to lead in",
                "leave it out, and say with --arg offset_s=S where the recordings begin",
            )
        if request.shapes_calls or request.limits_live_calls:
            raise UsageError(
                "--slots, --condition, --examiner and its neighbours, --tail-silence, --tail-limit, --max-cost, --max-minutes, "
                "--most-late: nobody is called",
                "leave them out: a folder's recordings are taken as they are",
            )
        if request.repeats > 1:
            raise UsageError(f"--repeats {request.repeats}: a folder holds one recording per sample", "leave it out")
        return Collection(
            model=self.name,
            kind=KIND,
            adapter=KIND,
            arguments={key: value for key, value in asdict(self.options).items() if key not in _NO_SETTINGS},
            clock=CLOCK,
            placement=CLOCK,
            slots=1,
            seed=request.seed,
            lead_in_s=0.0,
            tail_silence_s=0.0,
            tail_limit_s=0.0,
            fdbench=__version__,
        )

    def supply(self, tasks: Sequence[LoadedTask]) -> RecordingsSupply:
        matches = self._match([_wanted(task) for task in tasks], by_id_alone=len(tasks) == 1)
        if tasks and not matches.n_found:
            raise self._nothing(matches)
        offset_s = None if isinstance(self.options.offset_s, str) else self.options.offset_s
        source = FolderRecordings(self.folder, matches, self.options.channel, offset_s)
        return RecordingsSupply(source, self.options.pattern)

    def _match(self, wanted: Sequence[TaskSamples], *, by_id_alone: bool) -> Matches:
        return match_folder(self.folder, wanted, by_id_alone=by_id_alone, pattern=self.options.pattern)

    def examine(self, data: Data | None) -> tuple[Check, ...]:
        """Read every recording of the tasks whose data is there, as a run would."""
        tasks = [load_samples(spec, data) for spec in select_tasks(AVAILABLE, data)]
        together = self._match([_wanted(task) for task in tasks], by_id_alone=False)
        if together.n_found:
            return tuple(self._examine(tasks, ""))
        alone = [task for task in tasks if self._match([_wanted(task)], by_id_alone=True).n_found]
        if not alone:
            raise self._nothing(together)
        return tuple(check for task in alone for check in self._examine([task], f" with --tasks {task.spec.name}"))

    def _examine(self, tasks: Sequence[LoadedTask], when: str) -> Iterator[Check]:
        supply = self.supply(tasks)
        for task in tasks:
            keys = [(task.spec.name, id_, stimulus) for id_ in task.digests for stimulus in task.spec.stimuli]
            if not any(supply.source.matches.by_sample[key].files for key in keys):
                continue
            takes = [Take(sample, stimulus) for sample in task.samples for stimulus in task.spec.stimuli]
            failures = [(take, made) for take, made in supply.source.collect(takes) if isinstance(made, FailedCall)]
            of = "takes" if len(task.spec.stimuli) > 1 else "samples"
            found = f"{len(takes) - len(failures)} of {len(keys)} {of} have a recording that can be scored{when}"
            if failures:
                take, failure = failures[0]
                name = take.sample.id if take.stimulus == MAIN else f"{take.sample.id} {take.stimulus}"
                found += f"; first of {len(failures)} that have none: {name}: {failure.message}"
            yield Check(task.spec.name, len(takes) - len(failures) == len(keys), found)
        for note in supply.notes:
            yield Check("files that belong to no sample", True, note)

    def _nothing(self, matches: Matches) -> DataError:
        expected = [match.expected[0] for match in matches.by_sample.values()]
        last = next((match.expected for match in matches.by_sample.values()), ())
        looked_for = list(dict.fromkeys([*expected[:2], *last[-2:]]))
        found = list_recordings(self.folder) or sorted(path.name for path in self.folder.iterdir())
        return DataError(
            f"{self.folder}: no recording of any of the {len(expected)} samples asked for; looked for "
            f"{', '.join(looked_for)} and so on; found {_listed(found)}",
            "name each recording by its task and id, DIR/<task>/<id>.wav, or say how they are called: "
            "--arg pattern='sample_{n}_out.wav'",
        )


@dataclass(frozen=True, slots=True)
class RecordingsSupply:
    """A folder's recordings, sorted into the samples of a run's tasks."""

    source: FolderRecordings
    pattern: str | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        unused = self.source.matches.unused
        if not unused:
            return ()
        return (f"{self.source.folder}: {len(unused)} of its recordings belong to no sample of these tasks: {_listed(unused)}",)

    def price_of(self, minutes: float, examiner: ExaminerOptions) -> float | None:
        return None

    def open_source(
        self, collection: Collection, budget: Budget, most_late_s: float, examiner: ExaminerOptions, noise: str = ""
    ) -> Source:
        return self.source

    def check(self, run: Run) -> None:
        if not run.is_run:
            return
        specs, own = task_specs(), self.source.matches.by_sample
        here = {task for task, _, _ in own}
        others = [
            TaskSamples(name, tuple(task.samples), _set_folder(specs[name]), task.stimuli)
            for name, task in run.manifest().tasks.items()
            if name in specs and name not in here
        ]
        matches = match_folder(self.source.folder, others, by_id_alone=False, pattern=self.pattern)
        source = replace(self.source, matches=replace(matches, by_sample={**matches.by_sample, **own}))
        changed = [
            " ".join(key[:2] if key[2] == MAIN else key)
            for key, match in source.matches.by_sample.items()
            if match.files and _is_belied(run, source, key)
        ]
        if changed:
            raise DataError(
                f"{run.folder} was made from other recordings: {source.folder} now gives something else for "
                f"{len(changed)} of its samples: {_listed(changed)}",
                "call these another model with --arg name=NAME, or remove the run's folder",
            )


def _is_belied(run: Run, source: FolderRecordings, key: SampleKey) -> bool:
    """Whether the run holds a recording of a take, and the folder's is not the same."""
    take = TakeId(*key)
    record = run.record(take) if run.is_done(take) else None
    if record is None or record.model is None or record.user is None:
        return False
    user = record.user
    try:
        track = source.read(key, lambda: run.load(user).audio)
    except DataError:
        return True
    return digest_of_audio(track.audio) != record.model.digest or track.start_s != record.model.start_s


def _wanted(task: LoadedTask) -> TaskSamples:
    return TaskSamples(task.spec.name, tuple(task.digests), _set_folder(task.spec), task.spec.stimuli)


def _set_folder(spec: TaskSpec) -> str | None:
    return spec.source.folder if spec.source.kind == "fdb" else None


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "nothing"
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
