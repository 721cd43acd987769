"""What conditions made of a run's calls, in words for whoever reads its numbers: delays, losses, the level of an echo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from fdbench.stages.cases import Case


def remarks_on_the_way(cases: Sequence[Case]) -> tuple[str, ...]:
    """A line for each thing that chance, or the way itself, did to the calls; none of calls with nothing in between."""
    ways = [take.on_the_way for case in cases for take in case.recorded.values() if take.on_the_way]
    return tuple(_remarks(ways))


def _remarks(ways: Sequence[Mapping[str, float]]) -> Iterator[str]:
    delays_s = [way["delay_s"] for way in ways if way.get("delay_s")]
    if delays_s:
        yield (
            f"the way to the model takes {median(delays_s):.3f} s: times here are as the model heard the user (model-side); "
            "at the far end the user waits so much longer for every reply"
        )
    lost = [(way["lost_in_speech"], way["packets_in_speech"]) for way in ways if way.get("packets_in_speech")]
    if lost:
        shares = sorted(100 * part / of for part, of in lost)
        total = 100 * sum(part for part, _ in lost) / sum(of for _, of in lost)
        yield (
            f"packets lost inside the user's speech: {total:.1f} % ({len(lost)} calls, from {shares[0]:.1f} to "
            f"{shares[-1]:.1f} % in one)"
        )
    ratios_db = sorted(way["ser_db"] for way in ways if "ser_db" in way)
    if ratios_db:
        yield (
            f"signal-to-echo ratio as it came out: {median(ratios_db):.1f} dB ({len(ratios_db)} calls in which it spoke, "
            f"from {ratios_db[0]:.1f} to {ratios_db[-1]:.1f} dB); a louder model has a louder echo"
        )
