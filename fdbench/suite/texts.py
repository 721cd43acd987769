"""What the users of an edition say: our own templates and lists, nothing of any benchmark's.

A sentence comes in one piece or in two, so that a pause can stand where a speaker who goes on would make it. Statements,
questions and interruptions are drawn for every task alike: no word at the beginning of a clip tells which task it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

HESITATIONS: Final = ("um", "uh", "umm")

_WHEN: Final = (
    "last weekend", "two years ago", "on Friday evening", "early this morning", "in the middle of March", "the other day",
    "during the holidays", "a month ago", "after work", "before the party", "on a rainy Sunday", "in our first summer here",
    "at the end of school", "late at night", "when we moved in", "on my birthday",
)  # fmt: skip
_WHO: Final = (
    "my older sister", "our neighbor", "a friend of mine", "my uncle", "the woman next door", "our teacher", "my cousin",
    "the man from the bakery", "one of my students", "my best friend", "our gardener", "the new doctor", "my grandmother",
    "a colleague", "the girl across the street", "my father",
)  # fmt: skip
_DID: Final = (
    "repaired an old bicycle", "painted the kitchen green", "planted twenty apple trees", "borrowed my only ladder",
    "found a box of letters", "learned to play the drums", "bought a wooden boat", "baked bread for everybody",
    "lost the keys to the garage", "built a small bridge", "sold the yellow car", "wrote a song about winter",
    "adopted a very old dog", "opened a tiny bookshop", "invited the whole street", "carried the piano upstairs",
    "grew pumpkins on the roof", "taught the parrot a joke", "made a lamp from bottles", "took pictures of the storm",
)  # fmt: skip
_WHERE: Final = (
    "behind the house", "near the railway station", "without telling anyone", "for the village fair", "with almost no money",
    "in less than an hour", "by the river", "and forgot about dinner", "for the first time", "in the rain",
    "together with the children", "just because it was fun", "with a little help", "and nobody noticed",
    "down at the harbor", "on the second floor",
)  # fmt: skip
_ASK: Final = (
    ("can you tell me", "how I should {task}"),
    ("what I would like to know is", "how long it takes to {task}"),
    ("so the thing I wanted to ask is", "whether it is hard to {task}"),
    ("do you happen to know", "where I could learn to {task}"),
    ("I keep asking myself", "what I need before I {task}"),
    ("maybe you can explain", "why so many people {task}"),
    ("could you help me find out", "how much it costs to {task}"),
    ("what do you think", "is the best time to {task}"),
)  # fmt: skip
_TASK: Final = (
    "clean a wooden table", "plant roses", "repair a bicycle tire", "train a puppy", "paint a ceiling", "bake a carrot cake",
    "move a piano", "write a birthday speech", "sew on a button", "build a bird house", "choose a good tent", "pack for a week",
    "learn Italian", "grow tomatoes indoors", "sharpen kitchen knives", "make strawberry jam", "read a weather map",
    "start a choir", "rent a small boat", "fix a dripping tap", "keep bees", "knit a warm scarf", "swim across a lake",
    "hang a heavy mirror",
)  # fmt: skip
_PURPOSE: Final = (
    "before the summer", "on my own", "without making a mess", "in a small apartment", "with two children around",
    "in a single weekend", "if it has to be cheap", "when it is cold outside", "as a complete beginner", "next month",
    "for my parents", "in the dark",
)  # fmt: skip
_BARGE_IN: Final = (
    "wait I would rather hear how to {task} {purpose}",
    "hold on what I really meant was how to {task}",
    "sorry can we talk about how people {task} instead",
    "actually tell me first what I need to {task}",
    "okay but is it possible to {task} {purpose}",
    "no that is not it I want to {task} {purpose}",
    "let me ask you something else can anybody {task}",
    "what about somebody who wants to {task} {purpose}",
    "just tell me quickly whether I could {task} {purpose}",
)  # fmt: skip
_BACKCHANNELS: Final = ("yeah", "right", "okay", "I see", "oh really", "sure")
_NAMES: Final = (
    "Anna", "Peter", "darling", "mom", "Lucas", "Sophie", "grandpa", "Oliver", "kids", "Hannah", "Daniel", "Mia", "honey",
    "Martin", "Julia", "buddy",
)  # fmt: skip
_ASIDE: Final = (
    "could you close the window please", "the keys are on the kitchen table", "dinner is ready in ten minutes",
    "did you feed the dog this morning", "just a second I am on the phone", "can you turn the music down a bit",
    "put the box over there next to the door", "your sister called about the weekend", "take your shoes off in the hall",
    "I will be there in five minutes", "leave the blue one on the chair", "you can go and play outside now",
    "bring me the red folder please", "somebody is at the front door", "the bus leaves at half past seven",
    "please do not wake the baby", "there is some cake left in the fridge", "we need milk and two lemons",
    "have you seen my other glove", "the washing machine has stopped", "tell them that I call back later",
    "it is your turn to water the plants", "the charger is behind the sofa", "do your homework before the game",
)  # fmt: skip


class Texts:
    """Draws sentences, none of them twice in one edition."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def statement(self, rng: np.random.Generator) -> tuple[str, str]:
        """Something that happened, as who and what."""
        return self._new(lambda: (f"{_one(_WHEN, rng)} {_one(_WHO, rng)}", f"{_one(_DID, rng)} {_one(_WHERE, rng)}"))

    def question(self, rng: np.random.Generator) -> tuple[str, str]:
        """Something to be answered, as its opening and the rest."""

        def draw() -> tuple[str, str]:
            opening, rest = _ASK[int(rng.integers(len(_ASK)))]
            return opening, f"{rest.format(task=_one(_TASK, rng))} {_one(_PURPOSE, rng)}"

        return self._new(draw)

    def interruption(self, rng: np.random.Generator) -> str:
        """What a user says who does not let the other finish."""
        return self._new(lambda: (_one(_BARGE_IN, rng).format(task=_one(_TASK, rng), purpose=_one(_PURPOSE, rng)), ""))[0]

    def aside(self, rng: np.random.Generator) -> str:
        """What a user says to somebody else in the room."""
        return self._new(lambda: (f"{_one(_NAMES, rng)} {_one(_ASIDE, rng)}", ""))[0]

    def backchannel(self, rng: np.random.Generator) -> str:
        """What a listener says; there are few, and they come again."""
        return _one(_BACKCHANNELS, rng)

    def _new(self, draw: Callable[[], tuple[str, str]]) -> tuple[str, str]:
        while " ".join(parts := draw()) in self._said:
            pass
        self._said.add(" ".join(parts))
        return parts


def _one(items: Sequence[str], rng: np.random.Generator) -> str:
    return items[int(rng.integers(len(items)))]
