"""Text that stays text in GitHub's Markdown, and how one number is printed."""

from __future__ import annotations

from typing import Any

import pytest

from fdbench.core.score import MetricSummary
from fdbench.report.markdown import cell, code, escape, heading, link, number, table


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("*a* ~b~ `c`", r"\*a\* \~b\~ \`c\`"),
        ("[a](b)", r"\[a\](b)"),
        ("<b> & $x$", "&lt;b&gt; &amp; &#36;x&#36;"),
        ("_a_ w/o D_bc __init__", r"\_a\_ w/o D_bc \_\_init\_\_"),
        ("a\\|b", r"a\\\|b"),
        ("two\nlines\t here ", "two lines here"),
    ],
)
def test_escaped_text_has_no_meaning(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_a_bar_in_a_code_span_does_not_end_the_cell() -> None:
    assert code("a|b") == "`a\\|b`"


def test_a_backtick_cannot_stand_in_a_code_span() -> None:
    assert code("a`b") == r"a\`b"


@pytest.mark.parametrize(
    ("target", "linked"),
    [
        ("https://example.org/a?b=c#d", "[x](https://example.org/a?b=c#d)"),
        ("../results/a run/s(1).json", "[x](../results/a%20run/s%281%29.json)"),
        ("https://example.org/a|b", "[x](https://example.org/a%7Cb)"),
        ("javascript:alert(1)", "x"),
        ("", "x"),
    ],
)
def test_a_link_goes_to_the_web_or_into_the_repository(target: str, linked: str) -> None:
    assert link("x", target) == linked


def test_columns_of_numbers_are_aligned_right() -> None:
    assert table(["model", "rate", "run"], [["a", "1", "r"]], numbers=range(1, 2)) == [
        "| model | rate | run |",
        "| :-- | --: | :-- |",
        "| a | 1 | r |",
    ]


@pytest.mark.parametrize(
    ("metric", "unit", "higher_is_better", "shown"),
    [
        ("takeover_rate", "rate", False, "takeover rate ↓"),
        ("response_latency_s", "s", False, "response latency (s) ↓"),
        ("backchannel_frequency_hz", "Hz", True, "backchannel frequency (Hz) ↑"),
        ("backchannel_f1", "F1", True, "backchannel f1 ↑"),
        ("not_exercised_rate", "rate", None, "not exercised rate"),
    ],
)
def test_a_heading_has_unit_and_arrow(metric: str, unit: str, higher_is_better: bool | None, shown: str) -> None:
    assert heading(metric, unit, higher_is_better) == shown


@pytest.mark.parametrize(
    ("value", "unit", "printed"),
    [(0.25, "rate", "0.250"), (-0.0001, "s", "0.000"), (-0.32, "s", "-0.320"), (0.01234, "Hz", "0.0123"), (4.0, "0-5", "4.00")],
)
def test_a_number_has_its_units_places(value: float, unit: str, printed: str) -> None:
    assert number(value, unit) == printed


def summary(value: float | None, n: int = 12, **more: Any) -> MetricSummary:
    counts = {"n_not_applicable": 0, "n_censored": 0, "n_error": 0}
    return MetricSummary("m", value, "rate", False, n, signature="m|n:1", **{**counts, **more})


@pytest.mark.parametrize(
    ("given", "is_best", "shown"),
    [
        (summary(0.25), False, "0.250<br><sub>n=12</sub>"),
        (summary(0.25, ci_low=0.1, ci_high=0.5), False, "0.250<br><sub>[0.100, 0.500], n=12</sub>"),
        (summary(0.25, ci_low=0.1, ci_high=0.5), True, "**0.250**<br><sub>[0.100, 0.500], n=12</sub>"),
        (summary(0.25, n_not_applicable=3, n_censored=2, n_error=1), False, "0.250<br><sub>n=12, 3 n/a, 2 cens., 1 err.</sub>"),
        (summary(0.25, 9, ci_low=0.1, ci_high=0.5), False, "0.250 (n=9)"),
        (summary(0.25, 9, n_censored=3), False, "0.250 (n=9)<br><sub>3 cens.</sub>"),
        (summary(None, 0, n_not_applicable=12), False, "–<br><sub>12 n/a</sub>"),
        (summary(None, 0), False, "–"),
        (None, False, "–"),
    ],
)
def test_a_cell_says_value_interval_and_what_stands_behind_it(given: MetricSummary | None, is_best: bool, shown: str) -> None:
    assert cell(given, is_best=is_best) == shown


def lasting(metric: str, value: float | None, n: int, n_censored: int, **details: float) -> MetricSummary:
    return MetricSummary(metric, value, "s", False, n, 0, n_censored, 0, "signature", details=details)


def test_a_median_that_is_not_reached_shows_its_bound() -> None:
    never = lasting("response_latency_s", None, 2, 10, more_than=4.6)
    assert cell(never, is_best=False) == "&gt; 4.600<br><sub>10 cens.</sub>"


def test_latencies_that_are_only_known_to_be_longer_are_behind_a_median() -> None:
    assert cell(lasting("stop_latency_s", 0.4, 7, 5), is_best=False) == "0.400<br><sub>n=7, 5 cens.</sub>"
    assert cell(lasting("stop_latency_s", 0.4, 7, 2), is_best=False) == "0.400 (n=7)<br><sub>2 cens.</sub>"


def test_lost_seconds_are_never_shown_without_their_parts() -> None:
    lost = lasting("lost_per_turn_s", 2.7, 12, 0, wait_s=0.0, talked_over_s=1.7, breaks=1.0)
    assert cell(lost, is_best=True) == "**2.700**<br><sub>n=12, wait 0.00, talked over 1.70, breaks 1.00</sub>"
