"""The headlines of models as Markdown: one table for each board, a row for each run, values over small intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from fdbench.core.family import FAMILIES
from fdbench.core.placement import CAUSAL
from fdbench.report.figure import SECONDS, SHARE, Figure, figure_text, printed
from fdbench.report.headline import FIGURES, OPTIONAL, Headline, best_in, boards
from fdbench.report.markdown import DAGGER, NOTHING, arguments_text, code, escape, table
from fdbench.report.ranking import MIN_RANKED_N, place
from fdbench.report.rows import Row
from fdbench.stats.dose import Change

NO_BREAK: Final = "\u00a0"
_HEADINGS: Final = {
    "lost": "lost per<br>turn (s) ↓",
    "waits": "waits in<br>pauses ↑",
    "turn": "takes the<br>turn ↑",
    "after": "after<br>(s) → 0",
    "human": "to people<br>(s) ↓",
    "yields": "yields ↑",
    "stops": "stops<br>in (s) ↓",
    "backchannels": "backchannels ↑<br><sub>timing, amount</sub>",
    "selects": "selective ↑<br><sub>responds, unasked</sub>",
    "goals": "dialogue<br>goals ↑",
}
_UNDER_HEADING: Final = f"lost more under<br>speakerphone, mobile (s){NO_BREAK}↓"
_PARTS_HEADING: Final = "<sub>of it: wait<br>+ talked over<br>+ breaks</sub>"


Under: TypeAlias = Mapping[str, Mapping[str, Change]]
"""By clean run, then condition: by how much a turn costs more under it."""
TOLD_UNDER: Final = ("speakerphone", "mobile")


def headline_lines(rows: Sequence[Row], under: Under | None = None) -> list[str]:
    """The lines of every board of the rows; none where nothing has a headline.

    Args:
        under: Of runs that were made under conditions, too.
    """
    found = boards(rows)
    recognisers = {board[0].rows[0].engines.asr for board in found}
    return [line for board in found for line in _board_lines(board, recognisers, under or {})]


def _board_lines(board: Sequence[Headline], recognisers: set[str], under: Under) -> list[str]:
    shown = [name for name in FIGURES if name not in OPTIONAL or any(figure_text(getattr(each, name)) for each in board)]
    marked = {name: best_in(board, name) for name in FIGURES}
    names = Counter(headline.rows[0].collection.model for headline in board)
    has_clocks = len({headline.rows[0].collection.clock for headline in board}) > 1
    tells_under = any(headline.rows[0].run_id in under for headline in board)
    body = []
    for headline in board:
        row = headline.rows[0]
        about = [arguments_text(row.collection.arguments)] if names[row.collection.model] > 1 else []
        about += [row.collection.clock] if has_clocks else []
        cells = [_cell(headline, name, is_best=row.run_id in marked[name]) for name in shown]
        cells.insert(1, _parts(headline))
        cells += [_under(under.get(row.run_id, {}))] if tells_under else []
        body.append([_model(headline, about), *cells])
    header = ["model", *(_HEADINGS[name].replace(" ↑", f"{NO_BREAK}↑").replace(" ↓", f"{NO_BREAK}↓") for name in shown)]
    header.insert(2, _PARTS_HEADING)
    header += [_UNDER_HEADING] if tells_under else []
    return [_facts(board, recognisers), "", *table(header, body, numbers=range(1, len(header))), ""]


def _under(changes: Mapping[str, Change]) -> str:
    """By how much more a turn costs under each condition, an em dash where that was not measured."""
    lines = []
    for condition in TOLD_UNDER:
        if condition in changes:
            change = changes[condition]
            rest = "" if change.low is None else f" <sub>[{change.low:+.2f},{NO_BREAK}{change.high:+.2f}]</sub>"
            lines.append(f"{change.difference + 0.0:+.2f} <sub>{condition}</sub>{rest}")
    return "<br>".join(lines) or NOTHING


def _facts(board: Sequence[Headline], recognisers: set[str]) -> str:
    """Where the numbers come from, in one line."""
    widest = max(board, key=lambda headline: len(headline.rows))
    row = widest.rows[0]
    n_clips = sum(each.scored.n_samples for each in widest.rows)
    families = sorted({each.scored.family for each in widest.rows}, key=lambda name: place(name, FAMILIES))
    facts = [f"**{escape(', '.join(families))}**", f"{n_clips} clips", f"protocol {code(row.protocol)}"]
    facts += [f"ASR {code(_short(row.engines.asr, recognisers))}", f"VAD {code(row.engines.vad)}"]
    facts += [f"condition {code(row.collection.condition)}"] if row.collection.condition != "clean" else []
    facts += [f"placement {code(row.placement)}"] if row.placement != CAUSAL else []
    return " · ".join(facts)


def _short(recogniser: str, recognisers: set[str]) -> str:
    """Without its settings, where the rest names no other recogniser."""
    short = recogniser.partition(";")[0]
    return recogniser if any(other != recogniser and other.partition(";")[0] == short for other in recognisers) else short


def _model(headline: Headline, about: Sequence[str]) -> str:
    kind = headline.rows[0].collection.kind
    suffix = DAGGER if headline.is_trivial else " (recordings)" if kind == "recordings" else ""
    n_failed = sum(row.scored.n_errors for row in headline.rows)
    small = [f"not ranked: {headline.not_ranked}"] if headline.not_ranked else []
    small += [f"{n_failed} failed"] if n_failed else []
    lines = [escape(headline.rows[0].collection.model) + suffix, *(code(each) for each in about if each)]
    return "<br>".join([*lines, *(f"<sub>{escape(each)}</sub>" for each in small)])


def _cell(headline: Headline, name: str, *, is_best: bool) -> str:
    """The value, what is said beside it, and below it the interval, or n where that is too small to rank."""
    figure: Figure = getattr(headline, name)
    value = escape(figure_text(figure))
    if figure.value is None:
        return value or NOTHING
    beside = _beside(headline, name)
    first = " ".join([f"**{value}**" if is_best else value, *([f"<sub>{beside}</sub>"] if beside else [])])
    if figure.n < MIN_RANKED_N:
        return f"{first}<br><sub>n={figure.n}</sub>"
    error = headline.spread.get(name)
    ears = "" if error is None else f"<br><sub>ears{NO_BREAK}±{printed(error / 2, figure.unit)}</sub>"
    if figure.low is None or figure.high is None:
        return first + ears
    low, high = printed(figure.low, figure.unit).removesuffix("%"), printed(figure.high, figure.unit)
    return f"{first}<br><sub>[{low},{NO_BREAK}{high}]</sub>{ears}"


def _parts(headline: Headline) -> str:
    """What lost seconds are made of, as they are never shown without, and what they are if fillers are no answer."""
    parts = [part for part in (headline.wait_s, headline.talked_over_s, headline.breaks) if part is not None]
    lines = ["+".join(printed(part, SECONDS) for part in parts)] if parts else []
    worded = figure_text(headline.lost_worded)
    lines += [f"in words {worded}"] if worded not in ("", figure_text(headline.lost)) else []
    return "<br>".join(f"<sub>{line}</sub>" for line in lines) or NOTHING


def _beside(headline: Headline, name: str) -> str:
    if name == "after" and headline.after.value is not None and headline.after.off is not None:
        off = printed(headline.after.off, SECONDS)
        return "" if off == printed(abs(headline.after.value), SECONDS) else f"±{off}"
    if name == "backchannels":
        bits = [] if headline.bits is None else [f"{headline.bits:.2f} bit"]
        return ", ".join(bits + ([] if headline.amount_off is None else [f"×÷{headline.amount_off:.1f}"]))
    if name == "selects" and headline.selectivity is not None:
        return f"{printed(headline.selectivity.responds, SHARE)}, {printed(headline.selectivity.responds_unasked, SHARE)}"
    return ""
