"""A comparison of two runs on one screen: what differs and by how much, what does not and what would have shown.

::

    A  baseline: vad-endpointer (silence_ms=300)
    B  vad-endpointer-56a0e20885: vad-endpointer (silence_ms=900)
    mini, fdbench, faster-whisper-tiny.en, silero-6.2.3; 48 clips in both
    differs                               A     B  B - A  95 %              p (Holm)  B is
    lost_per_turn_s, all together      1.65  1.23  -0.42  [-0.61, -0.22]       0.004  better
    turn_taking response_latency_s     0.38  0.98  +0.60  [+0.57, +0.63]       0.006  worse
    no difference                         A  B - A  95 %            would show  settled by
    turn_taking takeover_rate          1.00  -0.08  [-0.35, +0.17]        0.52  250 clips or 3 seeds
    verdict: B is better in 1, worse in 1 of 12 metrics (5 % over all 12, Holm)

Where medians and ratios are of fewer than six clips, ``n too small`` stands in the place of their interval.
``would show``: the least difference that these clips would have shown, ``nothing`` where they are too few for any;
``settled by``: how many clips, or how many seeds of each clip (``--repeats``), it would take to be sure of the difference
that was seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fdbench.core.family import FAMILIES
from fdbench.io.text_table import text_table
from fdbench.io.visible import visible
from fdbench.report.comparison import OVERALL, Compared, Comparison, Rating
from fdbench.report.markdown import arguments_text
from fdbench.report.pairing import Pairing, Side
from fdbench.report.ranking import decimals
from fdbench.stats.comparison import least_clips

MAX_LINES: Final = 24
_MOST_NOTES: Final = 3
_MANY_CLIPS: Final = 9999


def comparison_lines(comparison: Comparison, width: int, max_lines: int = MAX_LINES) -> list[str]:
    """At most ``max_lines`` lines of at most ``width`` characters, plain text."""
    pairing = comparison.pairing
    notes = [*_open_waits(comparison), *(f"! {note}" for note in pairing.notes[:_MOST_NOTES])]
    if len(pairing.notes) > _MOST_NOTES:
        notes.append(f"! and {len(pairing.notes) - _MOST_NOTES} more notes: --json has them")
    head, last = _title(pairing), [*_ratings(comparison.ratings), *notes, _verdict(comparison)]
    room = max_lines - len(head) - len(last) - 2  # each table has a header
    differing, same = list(comparison.differing), [each for each in comparison.tested if each.verdict == "no difference"]
    rows = [*differing, *same]
    shown = rows if len(rows) <= room else rows[: max(0, room - 1)]
    families = {row.task.partition("/")[0] for row in pairing.second.rows.values()}
    body = _differing_table([each for each in shown if each in differing], families)
    body += _same_table([each for each in shown if each not in differing], families)
    if len(shown) < len(rows):
        left = rows[len(shown) :]
        body.append(f"... {len(left)} more, {_count(left)}: --json has all")
    if not rows:
        body = ["nothing that both runs have is ranked: --json has every difference with its interval"]
    return [visible(line)[:width].rstrip() for line in (*head, *body, *last)]


def _count(left: Sequence[Compared]) -> str:
    n = sum(each.verdict == "no difference" for each in left)
    return "without difference" if n == len(left) else f"{len(left) - n} of them with a difference"


def _title(pairing: Pairing) -> list[str]:
    first, second = pairing.first, pairing.second
    row = next(iter(second.rows.values()))
    families = ", ".join(dict.fromkeys(each.scored.family for each in second.rows.values() if each.task in first.rows))
    n_clips = sum({score.row.task: len(score.clips) for score in pairing.scores}.values())
    ears = row.engines.asr.partition(";")[0]
    conditions = [side.manifest.collection.condition for side in (first, second)]
    under = f"; condition {conditions[0]} and then {conditions[1]}" if conditions[0] != conditions[1] else ""
    return [
        f"A  {_who(first)}",
        f"B  {_who(second)}",
        f"{families}, {pairing.protocol}, {ears}, {row.engines.vad}; {n_clips} clips in both{under}",
    ]


def _who(side: Side) -> str:
    collection = side.manifest.collection
    settings = arguments_text(collection.arguments)
    seed = f", seed {collection.seed}" if collection.seed else ""
    return f"{side.name}: {side.model}{f' ({settings})' if settings else ''}{seed}"


def _differing_table(rows: Sequence[Compared], families: set[str]) -> list[str]:
    if not rows:
        return []
    header = ("differs", "A", "B", "B - A", "95 %", "p (Holm)", "B is")
    lines = [
        (
            _name(each, families),
            _number(each.found.first, each.unit),
            _number(each.found.second, each.unit),
            *_change(each),
            "" if each.p_adjusted is None else f"{each.p_adjusted:.3f}",
            each.verdict,
        )
        for each in rows
    ]
    return text_table(lines, header=header, right=(1, 2, 3, 5))


def _same_table(rows: Sequence[Compared], families: set[str]) -> list[str]:
    if not rows:
        return []
    header = ("no difference", "A", "B - A", "95 %", "would show", "settled by")
    lines = [
        (
            _name(each, families),
            _number(each.found.first, each.unit),
            *_change(each),
            "nothing" if each.is_too_few else "" if each.detectable is None else _number(each.detectable, each.unit),
            _settled_by(each),
        )
        for each in rows
    ]
    return text_table(lines, header=header, right=(1, 2, 4))


def _change(each: Compared) -> tuple[str, str]:
    found, unit = each.found, each.unit
    if found.difference is None:
        return "-", ""
    interval = "n too small" if found.n < least_clips() else ""
    if found.low is not None and found.high is not None:
        interval = f"[{_signed(found.low, unit)}, {_signed(found.high, unit)}]"
    return _signed(found.difference, unit), interval


def _name(each: Compared, families: set[str]) -> str:
    if each.task == OVERALL:
        return f"{each.metric}, all together"
    task = each.task.partition("/")[2] if len(families) == 1 and each.task.partition("/")[0] in FAMILIES else each.task
    return f"{task} {each.metric}"


def _settled_by(each: Compared) -> str:
    if each.clips_needed is None:
        return "the same" if each.found.difference == 0 else ""
    if each.clips_needed > _MANY_CLIPS:
        return f"> {_MANY_CLIPS} clips"
    repeats = "" if each.repeats_needed is None else f" or {each.repeats_needed} seeds"
    return f"{each.clips_needed} clips{repeats}"


def _number(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{round(value, _places(unit)) + 0.0:.{_places(unit)}f}"


def _signed(value: float, unit: str) -> str:
    return f"{round(value, _places(unit)) + 0.0:+.{_places(unit)}f}"


def _places(unit: str) -> int:
    return max(2, decimals(unit) - 1)


def _ratings(ratings: Sequence[Rating]) -> list[str]:
    """The guardrail: whether B still means as much as A."""
    lines = []
    for each in ratings:
        found = each.found
        unrated = f", {found.n_unrated} clips lack a rating" if found.n_unrated else ""
        more = f"; {found.n_to_decide} clips would decide" if found.decision == "undecided" else ""
        lines.append(
            f"meaning: {each.metric} {found.difference:+.2f} [{found.low:+.2f}, {found.high:+.2f}] over {found.n} clips"
            f"{unrated}, by {each.judge}: {found.decision} (may lose {found.margin:g}){more}"
        )
    return lines


def _open_waits(comparison: Comparison) -> list[str]:
    """Where replies are missing, which number counts them."""
    latencies = [each for each in comparison.tested if each.unit == "s" and (each.n_open or (each.n_missing and each.found.n))]
    waits = [each for each in latencies if each.metric.endswith("latency_s")]
    if not waits:
        return []
    n = max(each.n_open + each.n_missing for each in waits)
    return [f"! up to {n} clips lack a reply on one side or both: lost_per_turn_s counts them, a latency hardly does"]


def _verdict(comparison: Comparison) -> str:
    n = len(comparison.tested)
    counts = {name: sum(each.verdict == name for each in comparison.differing) for name in ("better", "worse", "differs")}
    if not n:
        return "verdict: none, there is no number to compare that both runs have"
    if not comparison.differing:
        return f"verdict: no difference in any of {n} metrics (5 % over all {comparison.n_tested}, Holm)"
    told = ", ".join(f"{name} in {count}" for name, count in counts.items() if count)
    return f"verdict: B is {told} of {n} metrics (5 % over all {comparison.n_tested}, Holm)"
