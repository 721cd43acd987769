"""Runs as the page's data: what every run is, and for each task its numbers, its distribution of onsets and a row a clip.

Read from stored results alone; of the data of a task only what lies beside the prompts, and where it is not there the page
says so and is drawn without annotated events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from fdbench import __version__
from fdbench.core.behaviour import BACKCHANNEL, BEHAVIOURS, DIALOGUE, PAIRED, PAUSE_HANDLING, TURN_TAKING, USER_INTERRUPTION
from fdbench.core.conversation import Sample
from fdbench.core.metric import CORRECTED, METRICS, direction
from fdbench.core.onsets import masses_of
from fdbench.core.take_id import MAIN, TakeId
from fdbench.errors import DataError, FdbenchError
from fdbench.human.reference import shipped_reference
from fdbench.io.files import parse_json, read_json
from fdbench.page.call import CallDrawer
from fdbench.page.heard import NOBODY
from fdbench.page.judged import Judged
from fdbench.page.lanes import shown
from fdbench.page.numbers import LATENCY, words_of
from fdbench.report.figure import Figure, figure_text, printed
from fdbench.report.headline import FIGURES, LOST, headline_of
from fdbench.report.markdown import arguments_text
from fdbench.report.rows import Row, read_run
from fdbench.stages.cases import Case
from fdbench.stages.derive import case_of, cases_of
from fdbench.stats.onset_distribution import EDGES_S, waiting_masses
from fdbench.store.manifest import RunManifest, Scored
from fdbench.store.run import Run
from fdbench.task.load import TaskLoader

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    PAUSE_HANDLING: ("takeover_rate", "break_in_rate", LATENCY, LOST),
    TURN_TAKING: (LATENCY, "takeover_rate", "break_in_rate", LOST),
    USER_INTERRUPTION: ("stop_latency_s", "talked_through_rate", LATENCY, LOST),
    BACKCHANNEL: ("takeover_rate", "backchannel_f1", "backchannel_ceiling_share", LOST),
    DIALOGUE: ("goal_coverage_rate", "floor_transfer_offset_s", "no_reply_rate", LOST),
    **dict.fromkeys(PAIRED, ("wanted_rate", "stop_latency_s", LATENCY, LOST)),
}
"""What a row of a clip shows, by behaviour, as far as its scores have it."""
_MOST_COLUMNS: Final = 4
UNDECIDED: Final = ("recording_too_short", "cut_off")
_CLOCKED: Final = ("decided_latency_s", "yield_latency_s")
FIGURE_WORDS: Final = {
    "lost": "lost per turn, s",
    "waits": "waits in pauses",
    "turn": "takes the turn",
    "after": "after, s",
    "human": "from people, s",
    "yields": "yields",
    "stops": "stops in, s",
    "backchannels": "backchannels",
    "selects": "selects",
    "goals": "dialogue goals",
}


@dataclass(frozen=True, slots=True)
class ReadRun:
    """One run, ready to be drawn.

    Attributes:
        scored: The scoring that is shown: a corrected one where there is one, and of several one with a judge.
        scores: By protocol, then take, the lines of ``samples.jsonl``.
        rows: Of the scoring that is shown, one for each task.
        notes: What had to be left out, and what the scores say of the run as a whole.
    """

    run: Run
    manifest: RunManifest
    scored: Scored
    scores: Mapping[str, Mapping[TakeId, Mapping[str, Any]]]
    rows: tuple[Row, ...]
    cases: Mapping[TakeId, Case]
    notes: tuple[str, ...]

    def drawer(self, index: int, *, prompts: bool, audio: bool) -> CallDrawer:
        prompts = prompts and self.manifest.has_prompts
        return CallDrawer(self.run, index, self.scored, self.scores, Judged.of_run(self.run), prompts, audio)


def read_report_run(run: Run, loader: TaskLoader) -> ReadRun:
    """Everything that a page needs to know of a run.

    Raises:
        DataError: It has no scores, or a file of it is broken; names it.
    """
    manifest, stored = run.manifest(), set(run.scorings())
    scored = [each for each in manifest.scored if each.folder in stored]
    if not scored:
        raise DataError(f"{run.folder}: the run has no scores", f"fdbench score {run.folder}")
    judged_last = sorted(scored, key=lambda each: each.engines.get("judge") not in (None, NOBODY))
    main = next((each for each in reversed(judged_last) if each.protocol in CORRECTED), judged_last[-1])
    by_protocol = {each.protocol: each for each in judged_last} | {main.protocol: main}
    order = sorted(by_protocol, key=lambda protocol: (protocol != main.protocol, protocol))
    scores = {protocol: _lines_of(run, by_protocol[protocol], manifest) for protocol in order}
    summary_path = f"{run.folder.name}/{run.relative(run.summary_file(main.folder))}"
    rows = tuple(row for row in read_run(run.folder) if row.path == summary_path)
    cases, notes = _cases(run, manifest, main, loader)
    if not run.files_in("annotations"):
        notes.append("nothing is stored of what was heard, so neither speech nor words are drawn: fdbench annotate RUN")
    notes += [str(note) for note in read_json(run.summary_file(main.folder)).get("notes", ())]
    return ReadRun(run, manifest, main, scores, rows, cases, tuple(notes))


def _cases(run: Run, manifest: RunManifest, scored: Scored, loader: TaskLoader) -> tuple[dict[TakeId, Case], list[str]]:
    """Every call of the main stimulus, task by task; where the data of one cannot be had, without its annotation."""
    found: dict[TakeId, Case] = {}
    notes = []
    for name, task in manifest.tasks.items():
        alone = manifest.model_copy(update={"tasks": {name: task}})
        try:
            cases = cases_of(run, alone, loader)
        except FdbenchError as error:
            why = " ".join(error.what.split())
            notes.append(f"{name}: annotated events are not drawn: {why} ({error.remedy})")
            mains = [take for take in alone.takes() if take.stimulus == MAIN]
            cases = [case_of(run, manifest, take, Sample(take.sample, name, {})) for take in mains]
        found |= {case.id: case.shifted(scored.shift_s) for case in cases}
    return found, notes


def _lines_of(run: Run, scored: Scored, manifest: RunManifest) -> dict[TakeId, Mapping[str, Any]]:
    path = run.samples_file(scored.folder)
    try:
        lines = [parse_json(line, str(path)) for line in path.read_bytes().splitlines()]
        condition = manifest.collection.condition
        return {TakeId(each["task"], each["id"], MAIN, each.get("repeat", 0), condition): each for each in lines}
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})", "score the run again") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not the scores of samples ({error!r})", "score the run again") from None


def index_of(runs: Sequence[ReadRun], keys: Mapping[tuple[str, str, int], str]) -> dict[str, Any]:
    """The page's table of contents: runs and tasks, with a row for each clip.

    Args:
        keys: What the page calls each clip (task, sample, repeat).
    """
    names = _names_of(runs)
    tasks = dict.fromkeys(row.task for run in runs for row in run.rows)
    place = list(BEHAVIOURS)
    behaviour = {row.task: row.scored.behaviour for run in runs for row in run.rows}
    ordered = sorted(tasks, key=lambda name: (place.index(behaviour[name]) if behaviour[name] in place else 99, name))
    return {
        "made_by": f"fdbench {__version__}",
        "figures": [FIGURE_WORDS.get(name, name) for name in FIGURES],
        "runs": [_run_json(run, name) for run, name in zip(runs, names, strict=True)],
        "tasks": [_task_json(name, behaviour[name], runs, keys) for name in ordered],
    }


def _names_of(runs: Sequence[ReadRun]) -> list[str]:
    """The model's name; of several runs of one model its settings, or its id, too."""
    models = [run.manifest.collection.model for run in runs]
    told = [f"{m} {arguments_text(r.manifest.collection.arguments)}".strip() for m, r in zip(models, runs, strict=True)]
    names = [model if models.count(model) == 1 else named for model, named in zip(models, told, strict=True)]
    return [name if names.count(name) == 1 else run.manifest.run_id for name, run in zip(names, runs, strict=True)]


def _run_json(run: ReadRun, name: str) -> dict[str, Any]:
    collection, engines = run.manifest.collection, run.scored.engines
    facts = {
        "run": run.manifest.run_id,
        "settings": arguments_text(collection.arguments),
        "protocol": run.scored.protocol,
        "clock": collection.clock,
        "condition": collection.condition_signature,
        "recogniser": engines.get("asr", "").partition(";")[0],
        "detector": engines.get("vad", ""),
        "judge": engines.get("judge", ""),
        "seed": str(collection.seed),
    }
    return {
        "name": shown(name),
        "facts": [[key, shown(value)] for key, value in facts.items() if value and value != "none"],
        "figures": _figures(run.rows),
        "n": sum(row.scored.n_samples for row in run.rows),
        "failed": sum(row.scored.n_errors for row in run.rows),
        "notes": [shown(note) for note in run.notes],
    }


def _figures(rows: Sequence[Row]) -> list[list[str]]:
    """The headline: label, value and interval."""
    if not rows or rows[0].protocol not in CORRECTED:
        return []
    headline = headline_of(rows)
    found = []
    for name in FIGURES:
        figure: Figure = getattr(headline, name)
        text = figure_text(figure)
        if text:
            has_bounds = figure.low is not None and figure.high is not None
            bounds = f"{printed(figure.low or 0.0, figure.unit)} to {printed(figure.high or 0.0, figure.unit)}"
            found.append([FIGURE_WORDS.get(name, name), text, bounds if has_bounds else ""])
    return found


def _task_json(name: str, behaviour: str, runs: Sequence[ReadRun], keys: Mapping[tuple[str, str, int], str]) -> dict[str, Any]:
    of_runs = [next((row for row in run.rows if row.task == name), None) for run in runs]
    columns = _columns(behaviour, of_runs)
    lines = [run.scores[run.scored.protocol] for run in runs]
    clips = []
    for (task, sample, repeat), key in keys.items():
        if task == name:
            ids = [TakeId(task, sample, MAIN, repeat, run.manifest.collection.condition) for run in runs]
            scores = [known.get(id, {}).get("scores") for known, id in zip(lines, ids, strict=True)]
            clips.append([key, shown(sample), repeat, [_cells(each, columns) for each in scores]])
    title = BEHAVIOURS[behaviour].title if behaviour in BEHAVIOURS else behaviour
    return {
        "name": shown(name),
        "title": title,
        "columns": [_column(metric, behaviour) for metric in columns],
        "summaries": [_summaries(row, columns) for row in of_runs],
        "onsets": _onsets(name, behaviour, runs),
        "clips": clips,
    }


def _columns(behaviour: str, rows: Sequence[Row | None]) -> list[str]:
    """The metrics of a row that any of the runs has, and where a server says when it decided, its clock."""
    there = dict.fromkeys(metric for row in rows if row is not None for metric in row.metrics)
    columns = [metric for metric in COLUMNS.get(behaviour, ()) if metric in there]
    columns = columns or list(there)[:_MOST_COLUMNS]
    return [*columns, *(metric for metric in _CLOCKED if metric in there)]


def _column(metric: str, behaviour: str) -> dict[str, Any]:
    known = METRICS.get(metric)
    return {
        "metric": metric,
        "words": words_of(metric),
        "unit": "" if known is None or known.unit in ("rate", "share", "F1") else known.unit,
        "says": known.sentence if known else "",
        "higher": direction(metric, behaviour) if known else None,
    }


def _summaries(row: Row | None, columns: Sequence[str]) -> list[list[Any] | None]:
    """Value, interval and counts of each column."""
    found: list[list[Any] | None] = []
    for metric in columns:
        summary = row.metrics.get(metric) if row is not None else None
        if summary is None:
            found.append(None)
            continue
        counts = [summary.n_scored, summary.n_not_applicable, summary.n_censored, summary.n_error]
        found.append([summary.value, summary.ci_low, summary.ci_high, counts, summary.details.get("more_than")])
    return found


def _cells(scores: Mapping[str, Any] | None, columns: Sequence[str]) -> list[Any] | None:
    """A clip in one run: its marks (f failed, c censored, u undecided), its values, and why there are none."""
    if scores is None:
        return None
    marks = "".join(mark for mark, is_so in _MARKS if any(is_so(metric, score) for metric, score in scores.items()))
    cells = []
    for metric in columns:
        score = scores.get(metric) or {"value": None, "status": "", "reason": ""}
        value = score["value"]
        if value is None:
            later = (score.get("components") or {}).get("censored_at_s")
            cells.append([score["status"][:1], score["reason"], None if later is None else round(later, 4)])
        else:
            cells.append(round(value, 4) + 0.0)
    return [marks, cells]


def _is_failed(metric: str, score: Mapping[str, Any]) -> bool:
    return bool(score.get("status") == "error")


def _is_censored(metric: str, score: Mapping[str, Any]) -> bool:
    return bool(score.get("status") == "censored")


def _is_undecided(metric: str, score: Mapping[str, Any]) -> bool:
    return score.get("reason") in UNDECIDED or (metric == "undecided_rate" and bool(score.get("value")))


_MARKS: Final = (("f", _is_failed), ("c", _is_censored), ("u", _is_undecided))


def _onsets(name: str, behaviour: str, runs: Sequence[ReadRun]) -> dict[str, Any] | None:
    """When replies begin, of every run, beside people's where people's are of the same kind of moment."""
    people = shipped_reference()
    found: list[dict[str, Any] | None] = []
    for run in runs:
        times_s, is_reply = [], []
        for take, line in run.scores[run.scored.protocol].items():
            score = line["scores"].get(LATENCY) if take.task == name else None
            time_s = None if score is None else _first(score.get("value"), (score.get("components") or {}).get("censored_at_s"))
            if score is not None and time_s is not None:
                times_s.append(float(time_s))
                is_reply.append(score.get("value") is not None)
        masses = waiting_masses(np.array(times_s), np.array(is_reply, np.bool_), EDGES_S)[0] if times_s else None
        found.append(None if masses is None else {"n": len(times_s), "replies": sum(is_reply), "masses": _rounded(masses)})
    if not any(found):
        return None
    is_of_turns = behaviour == TURN_TAKING
    return {
        "edges": list(EDGES_S),
        "runs": found,
        "human": _rounded(masses_of(people.onsets, EDGES_S)) if is_of_turns else None,
        "people": f"people ({people.id})" if is_of_turns else "",
    }


def _rounded(masses: Iterable[float]) -> list[float]:
    return [round(float(each), 5) for each in masses]


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def keys_of(runs: Sequence[ReadRun]) -> dict[tuple[str, str, int], str]:
    """A short name for every clip of any run, in the order of the runs' own."""
    clips = dict.fromkeys((take.task, take.sample, take.repeat) for run in runs for take in run.cases)
    return {clip: f"{number:05d}" for number, clip in enumerate(clips)}


def cases_by_clip(runs: Sequence[ReadRun], keys: Mapping[tuple[str, str, int], str]) -> Iterator[tuple[str, list[Case | None]]]:
    """Of every clip the case of each run; None where a run has none."""
    for (task, sample, repeat), key in keys.items():
        ids = [TakeId(task, sample, MAIN, repeat, run.manifest.collection.condition) for run in runs]
        yield key, [run.cases.get(id) for run, id in zip(runs, ids, strict=True)]
