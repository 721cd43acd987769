"""Map a list of published numbers to this project's task and metric names: ``python tools/map_published.py SRC [OUT]``.

SRC is one JSON list of ``{model, benchmark, task, subset, metric, value, source, url, evidence}``. OUT (default
``results/published``) gets one file per benchmark. Nothing is lost: each source row is either under ``rows`` or, as it
was and with a reason, under ``unmapped``. A number whose rule is not on record says ``unknown``; nothing is guessed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SourceRow = dict[str, Any]

FILES = {
    "fdb-v1": ("full_duplex_bench_v1.json", "Full-Duplex-Bench v1.0"),
    "fdb-v1.5": ("full_duplex_bench_v1_5.json", "Full-Duplex-Bench v1.5"),
    "fdb-v2": ("full_duplex_bench_v2.json", "Full-Duplex-Bench v2"),
    "fdb-v3": ("full_duplex_bench_v3.json", "Full-Duplex-Bench v3"),
}
V1_TASKS = {
    ("pause_handling", "candor"): "v1/pause_handling.candor",
    ("pause_handling", "synthetic"): "v1/pause_handling.synthetic",
    ("smooth_turn_taking", "candor"): "v1/turn_taking.candor",
    ("smooth_turn_taking", "candor (subset not stated)"): "v1/turn_taking.candor",
    ("user_interruption", "synthetic"): "v1/user_interruption.synthetic",
    ("backchannel", "icc"): "v1/backchannel.icc",
}
COPIED_RATING = "gpt4o_score (paper text: 1-5; row copied from FDB 0-5)"
V1_METRICS = {
    "tor": "takeover_rate",
    "latency_s": "response_latency_s",
    "gpt4o_score_0_5": "relevance",
    COPIED_RATING: "relevance",
    "freq_per_s": "backchannel_frequency_hz",
    "jsd": "backchannel_js_distance",
}
V1_UNITS: dict[str, tuple[str, bool | None]] = {
    "takeover_rate": ("rate", None),  # the better end depends on the behaviour
    "relevance": ("0-5", True),
    "backchannel_frequency_hz": ("Hz", True),
    "backchannel_js_distance": ("sqrt(nat)", False),
}
V1_NO_METRIC = {
    "gpt4o_score_1_5": "rated from 1 to 5, while relevance is rated from 0 to 5",
    "utmosv2_mean": "speech quality is not a v1 metric here",
    "utmosv2_std": "speech quality is not a v1 metric here",
    "self_bleu": "text repetition is not a metric here",
    "seq_rep_1": "text repetition is not a metric here",
    "seq_rep_2": "text repetition is not a metric here",
    "seq_rep_3": "text repetition is not a metric here",
    "ssim_wavlm_tdnn": "speaker similarity is not a metric here",
}

README = "FDB repo README v1.0 table"
# The README's rows for these four date from June 2025; the rule behind its other two rows is not on record.
README_MODELS_OF_JUNE_2025 = ("dGSLM", "Moshi", "Freeze-Omni", "Gemini Live 2.0 (gemini-2.0-flash-live-001, deprecated)")
# Runs of the authors of arXiv 2606.11167, who used the fix of May 2026.
SOURCES_WITH_THE_FIX = ("arXiv 2606.11167v1 Table 1", "arXiv 2606.11167v1 Table 3 (ablation)")

QUALIFIERS = {
    "definition not stated": "the source does not say how the average is made",
    "Gemini 3.6 Flash": "judge: Gemini 3.6 Flash",
    "DuplexPO definition": "latency as arXiv 2607.07148 defines it",
}
WANTED_V1_5 = {"user_interruption": "respond_rate"}  # elsewhere the model should resume


def main(arguments: list[str]) -> int:
    if not 1 <= len(arguments) <= 2:
        print(__doc__, file=sys.stderr)
        return 2
    target = Path(arguments[1]) if len(arguments) == 2 else Path("results/published")
    for name, text in mapped_files(json.loads(Path(arguments[0]).read_text(encoding="utf-8"))).items():
        (target / name).write_text(text, encoding="utf-8")
        print(target / name)
    return 0


def mapped_files(source: list[SourceRow]) -> dict[str, str]:
    """The text of each file by its name.

    Raises:
        ValueError: A row belongs to no benchmark, or its task or metric has neither a name here nor a reason for none.
    """
    strange = sorted({row["benchmark"] for row in source} - set(FILES))
    if strange:
        raise ValueError(f"unknown benchmarks {strange}")
    copies = _copies_of_the_readme(source)
    out = {}
    for benchmark, (name, title) in FILES.items():
        rows, unmapped = [], []
        mine = [row for row in source if row["benchmark"] == benchmark]
        for row in mine:
            reason = _reason_unmapped(row)
            if reason:
                unmapped.append({**row, "reason": reason})
            else:
                rows.append(_mapped(row, copies))
        rows.sort(key=lambda row: (row["task"], row["metric"], row["model"], row["source"]))
        unmapped.sort(key=lambda row: (row["task"], row["metric"], row["model"], row["source"]))
        out[name] = _file_text(title, len(mine), rows, unmapped)
    return out


def _reason_unmapped(row: SourceRow) -> str:
    return V1_NO_METRIC.get(row["metric"], "") if row["benchmark"] == "fdb-v1" else ""


def _mapped(row: SourceRow, copies: dict[tuple[str, str], str]) -> dict[str, Any]:
    metric, remarks = row["metric"], []
    if row["benchmark"] == "fdb-v1":
        pair = (row["task"], row["subset"])
        if pair not in V1_TASKS or metric not in V1_METRICS:
            raise ValueError(f"no name for {pair} {metric}")
        task = V1_TASKS[pair]
        if "not stated" in row["subset"]:
            remarks.append("the source does not name the subset; CANDOR is the only one of this task")
        if metric == COPIED_RATING:
            remarks.append("rating on the 0-5 scale, although the source's text says 1-5")
        metric = V1_METRICS[metric]
    else:
        task = _later_task(row)
        metric, _, qualifier = metric.partition(" (")
        if qualifier:
            remarks.append(QUALIFIERS[qualifier.removesuffix(")")])
    copied = copies.get((row["source"], row["model"]))
    if copied is not None:
        remarks.append(f"every value equals the upstream README's row '{copied}'")
    remark = _remark_on_identical_shares(row)
    if remark:
        remarks.append(remark)
    return {
        "model": row["model"],
        "task": task,
        "metric": metric,
        "value": row["value"],
        "protocol": _protocol(row, copied),
        "source": row["source"],
        "url": row["url"],
        "evidence": row["evidence"],
        "note": "; ".join(remarks),
    }


def _later_task(row: SourceRow) -> str:
    """v1.5 has one set per behaviour; v2's subset is the examiner's pacing; v3's rows keep both names."""
    task = row["task"].replace("EntityTracking", "entity_tracking").lower()
    if row["benchmark"] == "fdb-v1.5":
        return f"v1.5/{task}"
    return f"{row['benchmark'].removeprefix('fdb-')}/{task}.{row['subset']}"


def _protocol(row: SourceRow, copied: str | None) -> str:
    if row["benchmark"] != "fdb-v1":
        return "unknown"
    if copied is not None or (row["source"] == README and row["model"] in README_MODELS_OF_JUNE_2025):
        return "fdb-2025-06"
    return "fdb-2026-05" if row["source"] in SOURCES_WITH_THE_FIX else "unknown"


def _copies_of_the_readme(source: list[SourceRow]) -> dict[tuple[str, str], str]:
    """(source, model) -> the README's model of June 2025 whose ten values it repeats: a copy, not another run."""
    values: dict[tuple[str, str], dict[tuple[str, str], float]] = {}
    for row in source:
        if row["benchmark"] == "fdb-v1" and row["metric"] in V1_METRICS:
            key = (V1_TASKS[row["task"], row["subset"]], V1_METRICS[row["metric"]])
            values.setdefault((row["source"], row["model"]), {})[key] = row["value"]
    originals = {model: values.get((README, model)) for model in README_MODELS_OF_JUNE_2025}
    return {
        place: model
        for place, numbers in values.items()
        for model, original in originals.items()
        if place[0] != README and numbers == original
    }


def _remark_on_identical_shares(row: SourceRow) -> str:
    suspect = "Gemini Live 2.0 (gemini-2.0-flash-live-001)"
    if row["model"] == suspect and row["source"].startswith("NVIDIA NemotronLabs VoiceChat paper Table 2"):
        return "the digest gives NemotronLabs VoiceChat 11B the same four shares; one of the two may be a slip"
    return ""


def _unit_and_direction(task: str, metric: str) -> tuple[str, bool | None]:
    """None where the source's metric has no better end, or it is not on record which one that is."""
    family, _, rest = task.partition("/")
    behaviour = rest.partition(".")[0]
    if metric in V1_UNITS:
        unit, higher_is_better = V1_UNITS[metric]
        return unit, behaviour in ("turn_taking", "user_interruption") if metric == "takeover_rate" else higher_is_better
    if metric.endswith("_s"):
        return "s", None if family == "v1.5" and behaviour != "user_interruption" else False
    if metric.endswith("_1_5"):
        return "1-5", True
    if metric.endswith("_pct"):
        return "%", True
    if family == "v1.5":
        wanted = ("success_rate", WANTED_V1_5.get(behaviour, "resume_rate"))
        return "rate", True if metric in wanted else None
    return "", None


def _file_text(title: str, n_source_rows: int, rows: list[dict[str, Any]], unmapped: list[SourceRow]) -> str:
    tasks: dict[str, dict[str, Any]] = {}
    for row in rows:
        unit, higher_is_better = _unit_and_direction(row["task"], row["metric"])
        tasks.setdefault(row["task"], {})[row["metric"]] = {"unit": unit, "higher_is_better": higher_is_better}
    parts = [
        '"schema": 1',
        f'"benchmark": {_line(title)}',
        f'"n_source_rows": {n_source_rows}',
        f'"tasks": {_block([f"{_line(task)}: {_line(metrics)}" for task, metrics in tasks.items()], "{}")}',
        f'"rows": {_block([_line(row) for row in rows], "[]")}',
        f'"unmapped": {_block([_line(row) for row in unmapped], "[]")}',
    ]
    return "{\n  " + ",\n  ".join(parts) + "\n}\n"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _block(lines: list[str], brackets: str) -> str:
    return brackets if not lines else brackets[0] + "\n    " + ",\n    ".join(lines) + "\n  " + brackets[1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
