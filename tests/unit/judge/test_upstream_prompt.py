"""Upstream's wording is read from a script as data. The script here is made up; only its shape is upstream's."""

from __future__ import annotations

from pathlib import Path

import pytest

from fdbench.core.absence import Absence
from fdbench.core.annotation import RelevanceQuestion
from fdbench.errors import DataError
from fdbench.io.files import sha256_of
from fdbench.judge.rating_text import Reading
from fdbench.judge.upstream_prompt import PLACES, UpstreamPrompt, find_upstream_script, read_upstream_prompt

SCRIPT = '''
import os
os.abort()  # whoever runs this file is gone

def main(path):
    system_msg = """You are a thermometer.
Say how warm it is."""
    in_before_interrupt_text = in_interrupt_text = out_after_interrupt_text = ""
    user_msg = f"""
    - First: {in_before_interrupt_text}
    - Then: {in_interrupt_text} {{braces}}
    - Last: {out_after_interrupt_text}
    """
'''
QUESTION = RelevanceQuestion("ctx {in_interrupt_text}", "int", 'rep {0} \ud800 "')


def prompt_in(folder: Path, script: str) -> UpstreamPrompt:
    path = folder / "script.py"
    path.write_text(script, encoding="utf-8")
    return read_upstream_prompt(path, sha256_of(path.read_bytes()))


def test_the_texts_are_read_without_running_the_script_and_filled_in_once(tmp_path: Path) -> None:
    messages = prompt_in(tmp_path, SCRIPT).messages(QUESTION)
    assert messages.system == "You are a thermometer.\nSay how warm it is."
    assert messages.user == (
        '\n    - First: ctx {in_interrupt_text}\n    - Then: int {braces}\n    - Last: rep {0} \ufffd "\n    '
    )


def test_answers_are_read_by_the_published_rule_and_any_whole_number_is_passed_on(tmp_path: Path) -> None:
    prompt = prompt_in(tmp_path, SCRIPT)
    assert prompt.read("Analysis: ok.\nI would rate the AI's response as 9.", QUESTION) == Reading(9, "ok.")
    assert isinstance(prompt.read("Rating: 4", QUESTION), Absence)


def test_another_version_of_the_script_is_an_error_with_both_hashes_and_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_upstream_prompt(path)
    assert str(path) in caught.value.what
    assert "e701c14579c1477577b262265cfff75b28ac2e057beee5ba82572afa2a35963a" in caught.value.what
    assert sha256_of(path.read_bytes()) in caught.value.what
    assert "fdbench data download" in caught.value.remedy


@pytest.mark.parametrize("place", PLACES)
def test_the_script_is_found_where_the_download_or_a_person_puts_it(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text("", encoding="utf-8")
    assert find_upstream_script(tmp_path) == tmp_path / place


def test_a_missing_script_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        find_upstream_script(tmp_path)
    assert "fdbench data download" in caught.value.remedy
    with pytest.raises(DataError, match="cannot be read"):
        read_upstream_prompt(tmp_path / "none.py")
