"""The pictures beside the leaderboard, as SVG and PNG: what they show is pure data, and drawn by matplotlib.

::

    frontier   y turns that are broken into        onsets   one small plot a model: its onsets after a turn (bars)
               |  x                                          and people's (line), in bins of 0.2 s
               |     o---o---o   a sweep
               +-------------- x median wait, s

A picture carries the digest of its data, so that a stale one is noticed without drawing it again: matplotlib's versions draw
the same data a little differently. Of several tables, the first one's runs are drawn: the widest of ``headline.boards``.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fdbench.core.metric import CORRECTED
from fdbench.errors import MissingExtraError
from fdbench.io.files import digest_of
from fdbench.report.headline import boards
from fdbench.report.markdown import arguments_text
from fdbench.report.rows import Row
from fdbench.stats.frontier import WORST, front_of
from fdbench.stats.onset_distribution import EDGES_S
from fdbench.store.conversation import Estimate
from fdbench.store.sweep import Sweep

FORMATS: Final = ("svg", "png")
DPI: Final = 150
_INK, _PEOPLE, _MODEL, _TRIVIAL = "#333333", "#d1495b", "#00798c", "#8a8d91"
_CURVES: Final = ("#00798c", "#edae49", "#30638e", "#a23b72")


def picture_data(rows: Sequence[Row], sweeps: Mapping[str, Sweep]) -> dict[str, Any]:
    """By picture, everything that it shows; none where nothing has been measured."""
    shown = [board for board in boards([row for row in rows if row.protocol in CORRECTED]) if board]
    runs = [headline.rows[0] for headline in shown[0]] if shown else []
    data: dict[str, Any] = {}
    points = [point for row in runs if (point := _point(row)) is not None]
    curves = [_curve(name, sweep) for name, sweep in sweeps.items()]
    if points or curves:
        front = front_of([(point["wait_s"][0], point["broken"][0]) for point in points])
        data["frontier"] = {"points": points, "front": front, "curves": curves}
    onsets = [(row, row.conversation.onsets) for row in runs if row.conversation is not None and row.conversation.onsets]
    if onsets:
        data["onsets"] = {
            "edges_s": list(EDGES_S),
            "people": onsets[0][1].human_mass,
            "models": [
                {"name": row.collection.model, "is_trivial": row.collection.kind == "trivial", "n": shape.n, "mass": shape.mass}
                for row, shape in onsets
                if shape.human_mass == onsets[0][1].human_mass
            ],
        }
    return data


def digest_in(name: str, data: Mapping[str, Any]) -> str:
    """What a picture of this data carries."""
    return f"fdbench:{name}:{digest_of(data)[:16]}"


def draw(name: str, data: Mapping[str, Any]) -> dict[str, bytes]:
    """A picture in each of ``FORMATS``.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "pictures", "the leaderboard's pictures") from None
    styled: Any = {"svg.hashsalt": name, "font.size": 9, "axes.edgecolor": _INK}
    styled |= {"axes.spines.top": False, "axes.spines.right": False}
    with mpl.rc_context(styled):
        figure = Figure(figsize=(7.2, 4.4) if name == "frontier" else _onsets_size(data), layout="constrained")
        _DRAWN[name](figure, data)
        mark, drawn = digest_in(name, data), {}
        for kind in FORMATS:
            target = io.BytesIO()
            metadata = {"Date": None, "Description": mark} if kind == "svg" else {"Software": None, "Description": mark}
            figure.savefig(target, format=kind, dpi=DPI, facecolor="white", metadata=metadata)
            drawn[kind] = target.getvalue()
    return drawn


def _point(row: Row) -> dict[str, Any] | None:
    frontier = row.conversation.frontier if row.conversation is not None else None
    if frontier is None or frontier.wait_s.value is None or frontier.broken.value is None:
        return None
    name = " ".join(part for part in (row.collection.model, arguments_text(row.collection.arguments)) if part)
    return {
        "name": row.collection.model,
        "full_name": name,
        "is_trivial": row.collection.kind == "trivial",
        "wait_s": _triple(frontier.wait_s),
        "broken": _triple(frontier.broken),
    }


def _curve(name: str, sweep: Sweep) -> dict[str, Any]:
    known = [each for each in sweep.points if each.wait_s is not None and each.broken is not None]
    return {
        "name": name,
        "hypervolume": sweep.hypervolume,
        "points": [
            {
                "label": ", ".join(each.settings.values()),
                "wait_s": _triple(each.wait_s or Estimate(value=None, n=0)),
                "broken": _triple(each.broken or Estimate(value=None, n=0)),
            }
            for each in known
        ],
    }


def _triple(estimate: Estimate) -> list[float]:
    """Value and interval; without an interval, the value three times."""
    value = estimate.value or 0.0
    return [value, value if estimate.low is None else estimate.low, value if estimate.high is None else estimate.high]


def _draw_frontier(figure: Any, data: Mapping[str, Any]) -> None:
    axes = figure.subplots()
    for color, curve in zip(_CURVES * len(data["curves"]), data["curves"], strict=False):
        waits, broken = ([point[of][0] for point in curve["points"]] for of in ("wait_s", "broken"))
        axes.plot(
            waits, broken, "-o", color=color, markersize=3, label=f"{curve['name']}, hypervolume {curve['hypervolume']:.2f}"
        )
        for point in (curve["points"][0], curve["points"][-1]) if curve["points"] else ():
            axes.annotate(point["label"], (point["wait_s"][0], point["broken"][0]), xytext=(4, 4), textcoords="offset points")
    named: dict[tuple[float, float], list[str]] = {}
    for index, point in enumerate(data["points"]):
        (x, x_low, x_high), (y, y_low, y_high) = point["wait_s"], point["broken"]
        color = _TRIVIAL if point["is_trivial"] else _MODEL
        filled = color if index in data["front"] else "white"
        bars: Any = {"xerr": [[x - x_low], [x_high - x]], "yerr": [[y - y_low], [y_high - y]], "elinewidth": 0.8, "capsize": 0}
        axes.errorbar(x, y, fmt="s", color=color, markerfacecolor=filled, markersize=6, **bars)
        named.setdefault((x, y), []).append(point["name"])
    for (x, y), names in named.items():
        is_far = x > WORST[0] * 0.7
        side = {"xytext": (-7 if is_far else 7, 5), "ha": "right" if is_far else "left"}
        axes.annotate(", ".join(names), (x, y), textcoords="offset points", color=_INK, **side)
    axes.set(xlim=(-0.1, 5.2), ylim=(-0.03, 1.05), xlabel="median wait for a reply (s); 5 = late or never")
    axes.set_ylabel("turns that are broken into")
    axes.set_title("Being fast costs interruptions: lower left is better", loc="left", fontsize=10)
    axes.grid(visible=True, linewidth=0.3)
    if data["curves"]:
        axes.legend(frameon=False, loc="upper right")


def _onsets_size(data: Mapping[str, Any]) -> tuple[float, float]:
    return 7.2, 0.5 + 1.5 * -(-len(data["models"]) // 3)


def _draw_onsets(figure: Any, data: Mapping[str, Any]) -> None:
    models, edges_s = data["models"], data["edges_s"]
    width_s = edges_s[1] - edges_s[0]
    starts_s = [edges_s[0] - width_s, *edges_s]  # the open bins stand beside the others, as wide as they
    axes = figure.subplots(-(-len(models) // 3), 3, sharex=True, sharey=True, squeeze=False)
    for plot, model in zip(axes.flat, models, strict=False):
        color = _TRIVIAL if model["is_trivial"] else _MODEL
        plot.bar(starts_s, model["mass"], width=width_s, align="edge", color=color, alpha=0.55)
        plot.step([*starts_s, starts_s[-1] + width_s], [*data["people"], data["people"][-1]], where="post", color=_PEOPLE, lw=1)
        plot.set_title(f"{model['name']} (n={model['n']})", loc="left", fontsize=9)
        plot.axvline(0, color=_INK, linewidth=0.5)
    for plot in axes.flat[len(models) :]:
        plot.set_axis_off()
    for plot in axes[-1]:
        plot.set_xlabel("onset after the turn's end (s)")
    figure.supylabel("share of turns", fontsize=9)


_DRAWN: Final = {"frontier": _draw_frontier, "onsets": _draw_onsets}
