"""The facts of a run laid out for a person: sections of aligned names and values, made to be copied into an appendix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fdbench.io.text_table import GAP, text_table
from fdbench.io.visible import visible

MAX_HASH_CHARS: Final = 16


def render_appendix(facts: Mapping[str, Any]) -> str:
    """The text of ``fdbench show RUN``.

    Args:
        facts: As ``fdbench show RUN --json`` prints them.
    """
    sections = [
        ("run", text_table(_run(facts))),
        ("tasks", text_table(_tasks(facts["tasks"]))),
        ("scores", [line for scoring in facts["scorings"] for line in _scoring(scoring)] or ["none"]),
        ("environment", list(_environments(facts["environments"]))),
        ("totals", text_table(_totals(facts["totals"]))),
        *([("damaged", list(facts["damaged"]))] if facts["damaged"] else []),
    ]
    return "\n\n".join("\n".join([name, *(f"{GAP}{visible(line)}" for line in lines)]) for name, lines in sections) + "\n"


def _run(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    collection = facts["collection"]
    yield "id", facts["run_id"] + ("" if facts["run_id_agrees"] else "  (NOT that of these settings)")
    yield "model", f"{collection['model']} ({collection['kind']})"
    yield "adapter", collection["adapter"]
    yield "arguments", " ".join(f"{name}={value}" for name, value in sorted(collection["arguments"].items())) or "none"
    yield "weights", collection["weights_revision"] or "none recorded"
    shift_s = collection["published_shift_s"]
    published = f" (published: {shift_s:+g} s)" if shift_s else ""
    yield "clock", f"{collection['clock']}, placement {collection['placement']}{published}"
    yield "lead-in", f"{collection['lead_in_s']:g} s"
    yield "tail", f"{collection['tail_silence_s']:g} s of silence, at most {collection['tail_limit_s']:g} s"
    yield "slots", str(collection["slots"])
    yield "seed", str(collection["seed"])
    yield "condition", collection["condition"]
    yield "collected by", f"fdbench {collection['fdbench']}"


def _tasks(tasks: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    yield "name", "version", "behaviour", "samples", "repeats", "recorded", "failed", "not made", "data (SHA-256)"
    for name, task in tasks.items():
        reasons = ", ".join(f"{kind} {n}" for kind, n in task["failed"].items())
        failed = f"{task['n_failed']} ({reasons})" if reasons else "0"
        counts = (str(task[key]) for key in ("n_samples", "repeats", "n_recorded"))
        digest = task["digest"][:MAX_HASH_CHARS]
        yield name, f"v{task['version']}", task["behaviour"], *counts, failed, str(task["n_missing"]), digest


def _scoring(scoring: Mapping[str, Any]) -> Iterator[str]:
    state = "  (STALE: of other samples or calls than there are now)" if scoring["is_stale"] else ""
    yield f"{scoring['folder']}{state}"
    engines = scoring["engines"]
    rows = [("protocol", scoring["protocol"]), ("placement", scoring["placement"])]
    rows += [(name, engines[name]) for name in engines]
    rows += [(f"{name} weights", digest[:MAX_HASH_CHARS]) for name, digest in scoring["weights"].items()]
    n = ", ".join(
        f"{name} {task['n_samples']}" + (f" ({task['n_errors']} with errors)" if task["n_errors"] else "")
        for name, task in scoring["tasks"].items()
    )
    rows += [("takes", n or "unknown"), ("scored by", f"fdbench {', '.join(scoring['fdbench']) or 'unknown'}")]
    if scoring.get("judges"):
        rows.append(("answered by", ", ".join(f"{name} ({n})" for name, n in scoring["judges"].items())))
    check = scoring.get("judge_check")
    if check:
        prompt = f"{check['prompt'].get('name', '')} {check['prompt'].get('sha256', '')[:MAX_HASH_CHARS]}".strip()
        agreement = f"kappa {_estimate(check['kappa'])}, mean absolute error {_estimate(check['mean_absolute_error'])}"
        rows += [("judge check", f"{agreement}, {check['n_rated']} items"), ("judge prompt", prompt)]
    yield from (f"{GAP}{line}" for line in text_table(rows))


def _estimate(statistic: Mapping[str, Any]) -> str:
    value, low, high = (statistic.get(name) for name in ("value", "ci_low", "ci_high"))
    if value is None:
        return "none"
    return f"{value:.2f}" + (f" [{low:.2f}, {high:.2f}]" if low is not None and high is not None else "")


def _environments(environments: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not environments:
        yield "not recorded"
    elif len(environments) > 1:
        yield f"it changed {len(environments) - 1} time(s) between the first start and the last"
    before: Mapping[str, Any] = {}
    for environment in environments:
        until = f" to {environment['last_at']}" if environment["last_at"] != environment["first_at"] else ""
        commands = ", ".join(f"{name} {n}" for name, n in environment["commands"].items())
        yield f"{environment['first_at']}{until}  ({commands})"
        rows = [(name, str(environment.get(name, "unknown"))) for name in ("host", "platform", "python", "data_origin")]
        packages = environment.get("packages")
        packages = packages if isinstance(packages, Mapping) else {}
        rows += [(name, f"{version}{_change(name, version, before)}") for name, version in packages.items()]
        rows += [(name, f"gone (was {version})") for name, version in before.items() if name not in packages]
        before = packages
        yield from (f"{GAP}{line}" for line in text_table(rows))


def _change(name: str, version: object, before: Mapping[str, Any]) -> str:
    return f"  (was {before.get(name, 'absent')})" if before and before.get(name) != version else ""


def _totals(totals: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    hours = totals["hours"]
    yield (
        "audio",
        f"{hours['user']:.3f} h heard, {hours['model']:.3f} h said, {totals['n_files']} files, {totals['n_bytes']} bytes",
    )
    if totals["n_with_text"]:
        yield "own text", f"of {totals['n_with_text']} recording(s), written by the model while it spoke"
    failed = f", {totals['n_failed_attempts']} failed" if totals["n_failed_attempts"] else ""
    yield "calls", f"{totals['n_attempts']} made in {totals['n_starts']} start(s){failed}, {totals['calls_wall_s']:g} s"
    judge = totals["judge"]
    if judge["n_requests"] or judge["n_verdicts"]:
        names = ("tokens_in", "tokens_out")
        counted = [f"{judge[name]} {name.replace('_', ' ')}" for name in names if judge[name] is not None]
        cost = [f"{judge['cost_usd']:.4f} USD"] if judge["cost_usd"] is not None else []
        yield "judge", ", ".join([f"{judge['n_verdicts']} verdicts", f"{judge['n_requests']} requests", *counted, *cost])
    if totals["n_unreadable_lines"]:
        yield "log", f"{totals['n_unreadable_lines']} line(s) of attempts.jsonl cannot be read"
