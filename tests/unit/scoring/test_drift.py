"""A number that may have changed has a new version: the source of each scorer is compared with what it was.

What is hashed is the syntax tree of the scorer's module and of everything in ``fdbench.scoring`` and ``fdbench.core`` that
it imports, without docstrings, comments and layout, so that prose is free to change. The tables of names
(``registry``) and types (``core.annotation`` and the like) hold no arithmetic and are left out.

When this fails: if a number can change, raise ``version`` of the scorer and say so in the changelog under "Scores
changed". Then write the new line into ``scorer_versions.json``; never edit the digest of a version that was released with
another number.
"""

from __future__ import annotations

import ast
import importlib
import json
from pathlib import Path

import pytest

from fdbench.core.behaviour import BEHAVIOURS
from fdbench.core.metric import PROTOCOLS
from fdbench.scoring.registry import has_scorer, scorers_for
from tests.drift import closure, digest, written

KINDS = ("text", "decided", "yielded", "own_echo")
"""All that a model may tell about itself, and that it could hear itself."""

TABLE = Path(__file__).parent / "scorer_versions.json"
WITHOUT_ARITHMETIC = {
    "fdbench.scoring.registry",
    "fdbench.scoring.base",
    "fdbench.core.annotation",
    "fdbench.core.absence",
    "fdbench.core.behaviour",
    "fdbench.core.take_id",
    "fdbench.core.conversation",
    "fdbench.core.event",
    "fdbench.core.metric",
    "fdbench.core.score",
    "fdbench.core.sound",
}


def belongs(module: str) -> bool:
    return module.startswith(("fdbench.scoring.", "fdbench.core.", "fdbench.stats.")) and module not in WITHOUT_ARITHMETIC


def modules_of(module: str) -> list[str]:
    """Of summing up also the table that says how each metric is summed up."""
    return closure([module, "fdbench.core.metric"] if module.endswith(".aggregate") else [module], belongs)


def scorers() -> dict[str, tuple[int, str]]:
    found = {}
    for behaviour in BEHAVIOURS:
        for protocol in (each for each in PROTOCOLS if has_scorer(behaviour, each)):
            for scorer in scorers_for(behaviour, protocol, event_kinds=KINDS):
                kind = type(scorer)
                found[f"{kind.__module__}:{kind.__name__}"] = (scorer.version, kind.__module__)
    found["fdbench.scoring.aggregate:summarise"] = (AGGREGATE_VERSION, "fdbench.scoring.aggregate")
    return found


AGGREGATE_VERSION = importlib.import_module("fdbench.scoring.aggregate").VERSION


@pytest.mark.parametrize("name", sorted(scorers()))
def test_a_scorer_whose_source_moved_has_a_new_version(name: str) -> None:
    version, module = scorers()[name]
    known: dict[str, str] = json.loads(TABLE.read_text(encoding="utf-8"))[name]
    now = digest(modules_of(module))
    assert known.get(str(version)) == now, (
        f"{name}: the source of {', '.join(modules_of(module))} is no longer that of version {version}. If a number can "
        f'change, raise its version; then write "{version} or the new one": "{now}" into {TABLE.name}'
    )
    assert max(map(int, known)) == version


def test_the_table_names_existing_scorers_only() -> None:
    assert set(json.loads(TABLE.read_text(encoding="utf-8"))) == set(scorers())


def test_prose_and_layout_are_free_and_arithmetic_is_not() -> None:
    def text(source: str) -> str:
        return written(ast.parse(source).body)

    assert text('"""Doc."""\ndef f(x):\n    """Doc."""\n    return x + 1') == text("def f(x): return (x  +  1)  # why")
    assert text('LIMIT_S = 1.0\n"""Why."""') == text("LIMIT_S = 1.0")
    assert text("LIMIT_S = 1.0") != text("LIMIT_S = 1.5")
    assert text("x < 1") != text("x <= 1")


def test_the_closure_of_a_scorer_holds_the_rules_that_it_uses() -> None:
    assert {
        "fdbench.scoring.corrected.turn",
        "fdbench.scoring.corrected.latency",
        "fdbench.scoring.corrected.utterance",
        "fdbench.core.span",
    } <= set(modules_of("fdbench.scoring.corrected.turn"))
