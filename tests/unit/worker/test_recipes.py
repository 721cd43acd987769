"""Every recipe says all that an environment needs, and names a program that is there."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from fdbench.errors import UsageError
from fdbench.worker.setup import find_recipe

NAMES = [path.name.removesuffix(".yaml") for path in (resources.files("fdbench.worker") / "recipes").iterdir()]


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_whole(name):
    recipe = find_recipe(name)
    assert re.fullmatch("[0-9a-f]{40}", recipe.commit) and recipe.repository.startswith("https://")
    assert isinstance(recipe.undeclared, list) and 10 <= recipe.newest_python_minor < 30
    assert (resources.files("fdbench.adapters") / "workers" / recipe.program).is_file()


def test_an_unknown_one_is_told_with_the_nearest():
    with pytest.raises(UsageError) as caught:
        find_recipe("personaplexx")
    assert "did you mean 'personaplex'?" in caught.value.remedy
