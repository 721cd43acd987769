"""A condition's version does to sound what it always did."""

from __future__ import annotations

import json

import pytest

from fdbench.errors import MissingExtraError
from fdbench.task.conditions import conditions, find_condition
from tests.golden.make_condition_goldens import FILE, hash_under

GOLDENS = json.loads(FILE.read_text())
OWN = {name for name, each in conditions().items() if each.needs_folder}


def test_every_condition_that_can_be_made_has_a_golden():
    assert set(GOLDENS) == set(conditions()) - OWN - {"clean", "mimi"}


@pytest.mark.parametrize("name", GOLDENS)
def test_a_fixed_clip_is_what_it_was_under_each_condition(name):
    try:
        condition = find_condition(name)
    except MissingExtraError as error:
        pytest.skip(error.what)
    golden = GOLDENS[name]
    if dict(condition.libraries) != golden["libraries"]:
        pytest.skip(f"made by another build: {condition.libraries}")
    assert condition.version == golden["version"], "a new version needs a new golden"
    assert hash_under(condition) == golden["sha256"]
