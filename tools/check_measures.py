"""Compare the pure functions of ``fdbench`` with worked numbers: ``check_measures.py FILE...``.

A file holds ``{"measure": NAME, "cases": [{"id", "input", "expected"}]}``. Of each case every expected number must be ours up
to 1e-9. A line for each that is not, and ``matched/total`` last; exit 1 unless all are matched.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import fdbench
from fdbench.core.span import Span
from fdbench.errors import DataError, FdbenchError, UsageError
from fdbench.scoring.overlap_kinds import KINDS as OVERLAP_KINDS
from fdbench.stats.wilson import Rate, wilson_interval

TOLERANCE: Final = 1e-9
Case = Mapping[str, Any]
Found = dict[str, Any]


def rates(given: Case) -> Found:
    if "clips" in given:
        found = fdbench.clustered_wilson([(k, n) for k, n in given["clips"]])
        if found is None:
            return {"rate": None, "n_eff": None, "low": None, "high": None}
        return {"rate": found.rate, "n_eff": found.n_eff, "low": found.low, "high": found.high}
    first, second = (_rate(given[f"rate_{index}"], given[f"n_eff_{index}"]) for index in (1, 2))
    low, high = fdbench.newcombe_difference(first, second)
    return {"difference": first.rate - second.rate, "low": low, "high": high}


def _rate(rate: float, n_eff: float) -> Rate:
    return Rate(rate, n_eff, *wilson_interval(rate, n_eff))


def lost_seconds(given: Case) -> Found:
    turns = [fdbench.UserTurn(Span(start_s, end_s), asks) for start_s, end_s, asks in given["turns_s"]]
    takeovers = [
        fdbench.Takeover(Span(start_s, end_s), tuple(Span(*burst) for burst in bursts))
        for start_s, end_s, bursts in given["takeovers_s"]
    ]
    found = fdbench.lost_time(turns, takeovers)
    names = ("wait_s", "talked_over_s", "breaks", "turns", "lost_s", "lost_s_per_turn")
    return {name: getattr(found, name) for name in names}


def backchannel(given: Case) -> Found:
    if "onsets_s" in given:
        return _rhythm(given)
    user = [Span(*segment) for segment in given["user_segments_s"]]
    found = fdbench.timing_bits(given["human_timing"], user, given["backchannel_middles_s"], given["clip_s"])
    if found is None:
        return {"bits": None, "events": None, "ceiling_bits_per_event": None, "n_windows": None}
    return {
        "bits": found.bits,
        "events": found.events,
        "ceiling_bits_per_event": found.ceiling,
        "n_windows": found.n_windows,
    }


def _rhythm(given: Case) -> Found:
    from fdbench.stats.divergence import js_divergence_bits

    edges_s = given["edges_s"]
    model = fdbench.rhythm_of(given["onsets_s"], given["clip_s"], edges_s)
    human = fdbench.rhythm_of(given["human_onsets_s"], given["clip_s"], edges_s) if given.get("human_onsets_s") else None
    found: Found = {} if model is None else {
        "intervals_s": model.intervals_s,
        "is_complete": model.is_complete,
        "mass": model.mass,
        "rate_hz": model.rate_hz,
        "memoryless_mass": model.memoryless_mass,
        "js_divergence_to_memoryless_bits": js_divergence_bits(model.mass, model.memoryless_mass),
    }  # fmt: skip
    if model is not None and human is not None:
        found |= {"human_mass": human.mass, "js_divergence_to_human_bits": js_divergence_bits(model.mass, human.mass)}
    return found


def overlap(given: Case) -> Found:
    user, model, backchannels = (
        [Span(*each) for each in given[name]] for name in ("user_segments_s", "model_segments_s", "model_backchannels_s")
    )
    found = fdbench.overlap_time(user, model, backchannels)
    parts = dict(zip(OVERLAP_KINDS, found.of_kind_s, strict=True))
    return {
        "overlap_s": found.overlap_s, "per_minute": found.per_minute, "user_speech_s": found.user_speech_s, **parts,
    }  # fmt: skip


def opportunities(given: Case) -> Found:
    user = [Span(*segment) for segment in given["user_segments_s"]]
    found = fdbench.find_opportunities(user, given["turn_ends_s"], given["recorded_s"], given["takeover_onsets_s"])
    taken = {moment: [each.is_taken for each in found if each.moment == moment] for moment in ("hold", "shift")}
    return {
        "opportunities": [[each.moment, each.span.start_s, each.span.end_s] for each in found],
        **{moment: {"taken": sum(each), "of": len(each)} for moment, each in taken.items()},
    }


def boundaries(given: Case) -> Found:
    user = [Span(*segment) for segment in given["user_segments_s"]]
    found = fdbench.find_boundaries(given["turn_ends_s"], given["takeover_onsets_s"], user)
    names = ("on_time", "late", "early", "continued", "missed", "precision", "recall", "f1")
    return {name: getattr(found, name) for name in names}


def onset(given: Case) -> Found:
    from fdbench.core.onsets import SampledOnsets, SplitExponential, masses_of
    from fdbench.stats.divergence import js_divergence_bits

    parts = given["human_split_exponential"]
    people = SplitExponential(parts["share_neg"], parts["med_neg"], parts["med_pos"])
    model = fdbench.compare_onsets(given["times_s"], given["is_reply"], people, given["edges_s"])
    if model is None:
        return {}
    found: Found = {
        "model_mass": model.masses,
        "human_mass_split_exponential": model.human_masses,
        "js_divergence_bits": model.divergence_bits,
        "floor_bits": model.floor_bits,
        "excess": model.excess,
    }
    if given.get("human_offsets_s"):
        sample = SampledOnsets(tuple(given["human_offsets_s"]))
        beside = fdbench.compare_onsets(given["times_s"], given["is_reply"], sample, given["clip_s"])
        if beside is not None:
            mass = masses_of(sample, given["edges_s"])
            found |= {
                "human_mass_empirical": mass.tolist(),
                "js_divergence_bits_empirical": float(js_divergence_bits(model.masses, mass)),
                "wasserstein_s_empirical": beside.distance_s,
                "wasserstein_floor_s": beside.distance_floor_s,
            }
    return found


def frontier(given: Case) -> Found:
    points = [(x, y) for x, y in given["points"]]
    return {"hypervolume": fdbench.hypervolume(points), "front": fdbench.front_of(points)}


def paired(given: Case) -> Found:
    from fdbench.stats.paired import holm

    if "base" in given:
        found = fdbench.guardrail(given["base"], given["model"], given["margin"])
        return {} if found is None else {name: getattr(found, name) for name in ("n", "difference", "low", "high", "passes")}
    if "only_first" in given:
        return {"p": fdbench.mcnemar_p(given["only_first"], given["only_second"])}
    if "differences" in given:
        return {"p": fdbench.sign_flip_p(given["differences"])}
    if "p" in given:
        return {"adjusted": holm(given["p"])}
    if "sd_of_differences" in given:
        sd, n = given["sd_of_differences"], given["n"]
        return {"mde": fdbench.minimum_detectable_effect(sd, n, given["alpha"], given["power"])}
    fall = fdbench.dose_response(given["snr_db"], given["values"], given["clean"], given["drop"])
    return {"slope_per_db": fall.slope_per_db, "breaks_at_db": fall.breaks_at_db}


def rewards(given: Case) -> Found:
    from fdbench.scoring.rewards import bounded_delay, match_backchannels, pause_reward, reply_delay_s

    model = [Span(*segment) for segment in given["model_segments_s"]]
    delay_s = reply_delay_s(model, given["turn_end_s"], given["length_s"])
    matches = match_backchannels(model, given["human_backchannels_s"])
    return {
        "pause": pause_reward(model),
        "turn": -delay_s,
        "delay_s": delay_s,
        "turn_bounded": bounded_delay(delay_s),
        "backchannel_f1": matches.f1,
        "tp": matches.matched,
        "fp": matches.false,
        "fn": matches.missed,
    }


MEASURES: Final[Mapping[str, Callable[[Case], Found]]] = {
    "rates": rates,
    "backchannel": backchannel,
    "lost_seconds": lost_seconds,
    "overlap": overlap,
    "opportunities": opportunities,
    "boundaries": boundaries,
    "onset": onset,
    "frontier": frontier,
    "paired": paired,
    "rewards": rewards,
}


def differences(expected: Any, found: Any, place: str = "") -> Iterator[str]:
    """Where two values are not the same, with both."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for key in expected:
            yield from differences(expected[key], found.get(key), f"{place} {key}".strip())
    elif _is_row(expected) and _is_row(found) and len(expected) == len(found):
        for index, (left, right) in enumerate(zip(expected, found, strict=True)):
            yield from differences(left, right, f"{place}[{index}]")
    elif not _is_same(expected, found):
        yield f"{place}: expected {expected!a}, got {found!a}"


def _is_row(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_same(expected: Any, found: Any) -> bool:
    if _is_number(expected) and _is_number(found):
        return math.isclose(expected, found, rel_tol=0.0, abs_tol=TOLERANCE)
    return type(expected) is type(found) and bool(expected == found)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check(path: Path) -> tuple[int, int]:
    """How many cases of a file match, and how many there are; prints each that does not.

    Raises:
        DataError: The file cannot be read, or is not of the form.
    """
    measure, cases = _read(path)
    compute = MEASURES.get(measure)
    if compute is None:
        print(f"{ascii(path.name)[1:-1]}: measure {measure!a} is not implemented ({len(cases)} cases)")
        return 0, len(cases)
    n_matched = 0
    for case in cases:
        try:
            found = compute(case["input"])
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as error:
            raise _malformed(path, f"case {case['id']!a}: {type(error).__name__}: {str(error)!a}") from None
        lines = list(differences(case["expected"], found))
        for line in lines:
            print(f"{ascii(case['id'])[1:-1]}: {line}")
        n_matched += not lines
    return n_matched, len(cases)


def _read(path: Path) -> tuple[str, list[Case]]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _malformed(path, f"{type(error).__name__}: {str(error)!a}") from None
    if not isinstance(value, dict) or not isinstance(value.get("measure"), str) or not isinstance(value.get("cases"), list):
        raise _malformed(path, "expected an object with 'measure', a name, and 'cases', a list")
    for index, case in enumerate(value["cases"]):
        is_case = isinstance(case, dict) and isinstance(case.get("id"), str)
        if not is_case or not all(isinstance(case.get(key), dict) for key in ("input", "expected")):
            raise _malformed(path, f"case {index}: expected an object with 'id', a text, 'input' and 'expected', objects")
    return value["measure"], value["cases"]


def _malformed(path: Path, what: str) -> DataError:
    return DataError(f"{ascii(str(path))[1:-1]}: {what}", "give a file of worked numbers, as in tests/golden/data")


def main(arguments: Sequence[str]) -> int:
    try:
        if not arguments:
            raise UsageError("no file", "check_measures.py FILE...")
        counts = [check(Path(name)) for name in arguments]
    except FdbenchError as error:
        print(error.what, file=sys.stderr)
        print(error.remedy, file=sys.stderr)
        return 1
    n_matched, n_total = (sum(column) for column in zip(*counts, strict=True))
    print(f"{n_matched}/{n_total}")
    return 0 if n_matched == n_total else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
