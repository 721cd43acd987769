"""Full-Duplex-Bench v2's staged tasks, from the user's copy of upstream's file, as dialogues for the scripted examiner.

Upstream's goals T1 to T4 are prose for an examiner who is a language model: what to ask for, share, mention or confirm. What
the scripted examiner says follows from them by these rules, of which the first that fits is taken:

| a goal that | becomes the line |
|---|---|
| is a quotation, or contains one that begins with a capital letter | the quotation |
| begins with "ask about X", "then X", "switch to X" | "What about X?" |
| begins with "ask how / why / what / if / whether / where / when X" | "Can you tell me how X?" |
| begins with "ask (the other speaker) for X" | "I would like to ask for X." |
| begins with "ask (you / them) to X", "ask for help to X" | "I would like to X." |
| begins with "confirm X", "get X", "verify X" | "Can you confirm X?" |
| begins with "share / provide / specify / state / give X (e.g., A/B)" | "As for X, let us say A." |
| the same without examples | "As for X, please choose." |
| begins with "say / mention / add / hint (that) X" | "I should mention that X.", or "... X." if X is no clause |
| begins with "if ..., ask ..." | as without the condition |
| begins with "prefer / include / order X" | "I would prefer X.", "Please include X.", "I would like to order X." |
| is anything else | itself |

Examples in brackets are left out, "A/B" is "A or B", and "you" and "your", by which upstream means the examiner, are "I" and
"my". The same in other words is the line after "What I mean is this:". That is rough English, and said alike to every model.

What a program can check is little: that something was answered, and in the family Correction, where the title says which stage
corrects which and both have numbers of one kind, that the new number wins.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fdbench.core.dialogue import CORRECTION_FAMILY, DAILY, ENTITY_TRACKING, SAFETY, Dialogue, DialogueStage
from fdbench.core.goal import Answered, Corrected, Goal
from fdbench.core.plain_words import plain_words
from fdbench.errors import DataError
from fdbench.io.files import sha256_of

SHA256: Final = "a606a9740bb48245f9b63e36c8a0c09b4fb49a98f4b00280992a1caa1828f62e"
CLOSING: Final = "Okay, thank you. That was all."
FAMILY_NAMES: Final = {"Daily": DAILY, "Correction": CORRECTION_FAMILY, "EntityTracking": ENTITY_TRACKING, "Safety": SAFETY}
"""Ours, by what upstream's file calls them."""
_CORRECTS: Final = re.compile(r"\((T\d) corrects (T\d)\)")
_QUOTATION: Final = re.compile(r"“([^”]+)”")
_EXAMPLES: Final = re.compile(r"\s*\((?:e\.g\.,?|such as|like)\s*([^)]*)\)")
_BRACKETS: Final = re.compile(r"\s*\([^)]*\)")
_SAYS: Final = "say|mention|add|hint|note|explain|tell|make it clear"
_CONDITION: Final = re.compile(r"if [^,]+, (?=ask )", re.IGNORECASE)
_RULES: Final = (
    (r"ask (?:generally |more |them |you )?about (.+)|then (?:ask about )?(.+)|switch to (.+)", "What about {}?"),
    (r"ask ((?:generally )?(?:how|why|what|which|who|if|whether|where|when)\b.+)", "Can you tell me {}?"),
    (r"ask (?:generally |the other speaker ?)?for (.+)", "I would like to ask for {}."),
    (r"ask (?:them |you |the other speaker )?to (.+)", "I would like to {}."),
    (r"(?:confirm|get|verify|obtain|request) (.+)", "Can you confirm {}?"),
    (rf"(?:{_SAYS}) (?:that )?((?:I|it|it's|they|they're|there|this|the|my|we|he|she)\b.+)", "I should mention that {}."),
    (rf"(?:{_SAYS}) (.+)", "I should mention {}."),
    (r"prefer (.+)", "I would prefer {}."),
    (r"include (.+)", "Please include {}."),
    (r"(?:re-refer by|refer to) (.+)", "What about {}?"),
    (r"(order .+|buy .+|book .+)", "I would like to {}."),
)
_GIVES: Final = re.compile(r"(?:share|provide|specify|state|give|describe|choose|offer|set) (.+)", re.IGNORECASE)
_PERSONS: Final = (
    (r"\byou're\b", "I am"), (r"\byou'll\b", "I will"), (r"\byou've\b", "I have"), (r"\byour\b", "my"), (r"\byou\b", "I"),
)  # fmt: skip


class _Task(BaseModel):
    """What is needed of one of upstream's tasks."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: str = Field(min_length=1)
    split: str
    scenario_title: str
    staged_reveal: dict[str, str] = Field(min_length=1)
    examiner_system_prompt: str = ""
    examiner_task_prompt: str = ""


class _Split(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    tasks: list[_Task]


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    splits: dict[str, _Split]


def read_staged(path: Path) -> tuple[Dialogue, ...]:
    """Upstream's 200 tasks, 50 a family, in the file's order.

    Raises:
        DataError: The file is missing, or not the one that is pinned.
    """
    remedy = "take prompts_staged_200.json of the pinned commit (fdbench/task/staged.py)"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error})", remedy) from None
    if sha256_of(data) != SHA256:
        raise DataError(f"{path}: SHA-256 is {sha256_of(data)}, expected {SHA256}", remedy)
    try:
        file = _File.model_validate(json.loads(data))
    except (ValueError, ValidationError) as error:
        raise DataError(f"{path}: not the staged tasks ({error})", remedy) from None
    return tuple(_dialogue(task) for split in file.splits.values() for task in split.tasks)


def _dialogue(task: _Task) -> Dialogue:
    lines = {name: line_of(goal) for name, goal in sorted(task.staged_reveal.items())}
    found = _CORRECTS.search(task.scenario_title)
    correcting, corrected = found.groups() if found else ("", "")
    stages = tuple(
        DialogueStage(
            name,
            line,
            f"What I mean is this: {line}",
            _correction(line, lines.get(corrected, "")) if name == correcting else Answered(),
            corrected if name == correcting else "",
        )
        for name, line in lines.items()
    )
    return Dialogue(
        task.id,
        FAMILY_NAMES[task.split],
        "",
        stages,
        CLOSING,
        examiner_system=task.examiner_system_prompt.strip(),
        examiner_task=task.examiner_task_prompt.strip(),
    )


def _correction(line: str, before: str) -> Goal:
    """That the numbers of a line win over those before it; where there are none, only that something is answered."""
    new, old = ([word.text for word in plain_words(text) if word.text[0].isdigit()] for text in (line, before))
    replaced = tuple(number for number in old if new and number not in new and (":" in number) == (":" in new[0]))
    return Corrected((new[0],), replaced) if replaced else Answered()


def line_of(goal: str) -> str:
    """What the examiner says for one of upstream's goals, by the rules above."""
    text = goal.strip().replace("’", "'")
    quotation = _QUOTATION.search(text)
    if quotation and (text.startswith("“") or quotation.group(1)[0].isupper()):
        return _sentence(_spoken(quotation.group(1)))
    examples = _EXAMPLES.search(text)
    plain = _CONDITION.sub("", _spoken(_BRACKETS.sub("", _EXAMPLES.sub("", text))).rstrip("."))
    for pattern, form in _RULES:
        fitting = re.fullmatch(pattern, plain, re.IGNORECASE)
        if fitting:
            rest = next(group for group in fitting.groups() if group)
            return _sentence(form.format(rest[0].lower() + rest[1:] if rest[1:2].islower() else rest))
    given = _GIVES.fullmatch(plain)
    if given:
        first = re.split(r"[/,;]| or ", _spoken(examples.group(1)) if examples else "")[0].strip()
        choice = f"let us say {first}" if first else "please choose"
        return _sentence(f"As for {given.group(1)}, {choice}.")
    return _sentence(plain)


def _spoken(text: str) -> str:
    """Without what only stands on paper, and with the examiner as the one who speaks."""
    plain = re.sub(r"[“”\"]", "", text)
    plain = re.sub(r"\s*[—–]\s*(?=[A-Za-z])", ", ", plain)
    plain = re.sub(r"(?<=\w)\s*/\s*(?=\w)", " or ", plain)
    plain = re.sub(r"(?<=\d)[–-](?=\d)", " to ", plain)
    for pattern, word in _PERSONS:
        plain = re.sub(pattern, word, plain, flags=re.IGNORECASE)
    plain = re.sub(r"\s*\+\s*", " and ", plain)
    return " ".join(plain.split())


def _sentence(text: str) -> str:
    plain = text[:1].upper() + text[1:]
    return plain if plain[-1:] in ".?!" else f"{plain}."
