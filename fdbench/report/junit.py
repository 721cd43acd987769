"""A comparison as JUnit XML for build servers: a test for each number, which fails where a rule of ``--fail-if`` is broken."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from fdbench.io.visible import visible
from fdbench.report.comparison import Compared, Comparison
from fdbench.report.gates import Checked


def junit_xml(comparisons: Sequence[tuple[Comparison, Sequence[Checked]]]) -> bytes:
    """One ``testsuite`` for each comparison, in a ``testsuites``; UTF-8."""
    root = ElementTree.Element("testsuites", name="fdbench compare")
    for comparison, checked in comparisons:
        _suite(root, comparison, checked)
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _suite(root: ElementTree.Element, comparison: Comparison, checked: Sequence[Checked]) -> None:
    pairing = comparison.pairing
    suite = ElementTree.SubElement(root, "testsuite", name=visible(f"{pairing.second.name} against {pairing.first.name}"))
    n_failed = n_skipped = 0
    for each in comparison.compared:
        case = ElementTree.SubElement(
            suite, "testcase", classname=visible(each.task.replace(".", "_")), name=each.metric, time="0"
        )
        broken = [rule.sentence for rule in checked if rule.compared is each and rule.is_broken]
        if broken:
            n_failed += 1
            failure = ElementTree.SubElement(case, "failure", message=visible(broken[0]), type="fail-if")
            failure.text = visible("; ".join(broken))
        elif each.found.low is None:
            n_skipped += 1
            what = "value to compare" if each.found.difference is None else "interval"
            ElementTree.SubElement(case, "skipped", message=f"there is no {what}")
        ElementTree.SubElement(case, "system-out").text = _told(each)
    for name, count in (("tests", len(comparison.compared)), ("failures", n_failed), ("errors", 0), ("skipped", n_skipped)):
        suite.set(name, str(count))
    suite.set("time", "0")


def _told(each: Compared) -> str:
    found = each.found
    facts = {
        "first": found.first, "second": found.second, "difference": found.difference, "ci_low": found.low,
        "ci_high": found.high, "p_holm": each.p_adjusted,
    }  # fmt: skip
    known = [f"{name}={value:.6g}" for name, value in facts.items() if value is not None]
    return " ".join([*known, f"unit={each.unit}", f"n={found.n}", *([each.verdict] if each.verdict else [])])
