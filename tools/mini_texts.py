"""What the embedded suite says, and in which order: the data of ``make_mini.py``.

Ids: voice, then s statement, o opening that needs a continuation, c continuation, q closing question, k question that
stands alone, i interruption. Statements of one voice are about one story and make sense in any order.
"""

from __future__ import annotations

from dataclasses import dataclass

STRETCH = {"rms": 0.85, "awb": 1.0}  # rms is a slow speaker

UTTERANCES = {
    "rms-s01": "last summer we drove all the way to the coast with my brother",
    "rms-s02": "my brother bought an old wooden boat and painted it bright blue",
    "rms-s03": "every morning we got up early to look for birds near the river",
    "rms-s04": "the weather changed so quickly that nobody knew what to wear",
    "rms-s05": "my mother made dinner for the whole family on the beach",
    "rms-s06": "there was a small market where people sold bread and honey",
    "rms-s07": "one night the power went out and we played cards by candle light",
    "rms-s08": "the children wanted to build a tree house behind the garden",
    "rms-s09": "our neighbor has a big brown dog that runs around all day",
    "rms-s10": "we found a quiet road that goes around the lake",
    "rms-s11": "I tried to repair the engine but the right tools were missing",
    "rms-s12": "in the end we stayed a week longer than we had planned",
    "rms-s13": "my sister took about a thousand pictures and printed every one",
    "rms-s14": "I still remember the smell of the rain on the warm ground",
    "rms-o1": "the thing I wanted to ask you about is",
    "rms-o2": "so I have been thinking lately about",
    "rms-o3": "yesterday I was talking to my friend about",
    "rms-o5": "what I would like to know more about is",
    "rms-o6": "could you please help me with",
    "rms-c1": "moving to a smaller house outside the city",
    "rms-c2": "learning to play the guitar at my age",
    "rms-c3": "getting a new job at the local hospital",
    "rms-c4": "buying a used electric car",
    "rms-c5": "growing tomatoes on a small balcony",
    "rms-q1": "do you think that would be a good idea",
    "rms-q2": "what would you do if you were in my place",
    "rms-q3": "how much time do you think it would take",
    "rms-q4": "have you ever heard about anything like that",
    "rms-q5": "can you give me some good advice about it",
    "rms-q6": "what is the best way to get started with it",
    "rms-k1": "can you explain how a bicycle stays up when it moves",
    "rms-k2": "tell me how to bake a loaf of bread at home",
    "rms-k3": "how do airplanes manage to fly through a storm",
    "rms-k4": "what should I see if I visit Rome for two days",
    "rms-k5": "why does the moon look bigger near the horizon",
    "rms-k6": "how can I teach my dog to come when I call",
    "rms-i1": "wait what about a motorcycle instead",
    "rms-i2": "sorry I actually meant a chocolate cake",
    "rms-i3": "hold on is it dangerous for the people inside",
    "rms-i4": "actually I only have one day to spend there",
    "rms-i5": "okay but can you tell me about the sun now",
    "rms-i6": "no wait it is a cat and not a dog",
    "awb-s01": "a few years ago I started to bake bread every weekend",
    "awb-s02": "the first attempts were terrible and looked like flat stones",
    "awb-s03": "my grandmother taught me how to keep the dough warm",
    "awb-s04": "people at the office began to ask me for a loaf",
    "awb-s05": "I bought a large oven from a restaurant that had closed",
    "awb-s06": "the kitchen was so hot that we opened all the windows",
    "awb-s07": "a man from the radio came to talk with us about it",
    "awb-s08": "my daughter draws a little label for every single bag",
    "awb-s09": "on Monday we deliver everything by bicycle before eight",
    "awb-s10": "two students helped me carry the heavy flour up the stairs",
    "awb-s11": "the dog next door waits at the gate for a warm crust",
    "awb-s12": "nobody believed that it would ever make any money",
    "awb-s13": "we had to borrow tables and chairs from the old school",
    "awb-s14": "by the time winter came we needed a much bigger room",
    "awb-o1": "the main reason I am calling is",
    "awb-o2": "maybe you could tell me something about",
    "awb-o3": "I was wondering if you know anything about",
    "awb-o4": "what I really need today is",
    "awb-o5": "before we talk about the rest I have a question about",
    "awb-c1": "a problem with my internet connection",
    "awb-c2": "the best train from London to Edinburgh",
    "awb-c3": "a birthday present for my younger daughter",
    "awb-c4": "the easiest way to learn a bit of Italian",
    "awb-c5": "a good recipe for vegetable soup",
    "awb-q1": "what do you think I should do about it",
    "awb-q2": "could you help me make a plan for that",
    "awb-q3": "is that something you can help me with",
    "awb-q4": "do you know anyone who has tried that",
    "awb-q5": "how would you begin if you had to do it",
    "awb-k1": "can you describe how a piano makes its sound",
    "awb-k2": "how do I make a really good cup of coffee",
    "awb-k3": "tell me something about the history of London",
    "awb-k4": "what is the difference between a frog and a toad",
    "awb-k5": "how did people send letters a hundred years ago",
    "awb-k6": "why do leaves turn red in the autumn",
    "awb-i1": "hang on I was asking about the guitar",
    "awb-i2": "oh wait I only have tea at home",
    "awb-i3": "can you talk about Paris instead",
    "awb-i4": "okay and which one of them can jump further",
    "awb-i5": "just tell me how long it took to arrive",
    "awb-i6": "actually let me ask you about the spring",
}

# Chosen by measurement: Silero finds their onset within 45 ms wherever they lie on its 32 ms grid, pocketsphinx hears
# each word, nothing inside them is silent for 80 ms, and all outlast the silences before an interruption.
REPLIES = {
    "reply-01": "people often ask me about that and the answer depends on the time of the year",
    "reply-02": "you can also try to do it the other way around and see what happens",
    "reply-03": "yes of course I can tell you everything that I know about it",
    "reply-04": "do not worry because it only takes about ten minutes to learn the basic idea",
    "reply-05": "let me give you an example that I learned about when I was young",
    "reply-06": "okay I can explain how that works because it is a simple idea",
    "reply-07": "okay that is a good question and I think the answer is not very difficult at all",
    "reply-08": "no one really knows how it began but I can tell you what I learned about it",
    "reply-09": "you are right about that and I believe that many people would agree with you",
    "reply-10": "okay I would begin in the morning and make a break in the middle of the day",
}

# With flite's duration stretch: at 1.0 some are too short to be found by a detector that wants 250 ms of speech.
BACKCHANNELS = {
    "back-01": ("yeah", 1.3),
    "back-02": ("really", 1.0),
    "back-03": ("I see", 1.15),
    "back-04": ("all right", 1.0),
    "back-05": ("I know", 1.0),
    "back-06": ("exactly", 1.0),
    "back-07": ("good", 1.2),
    "back-08": ("that's right", 1.0),
}


@dataclass(frozen=True, slots=True)
class ClipText:
    """One clip: utterances of one voice with the gaps between them (and before the first) in seconds, and the tail.

    Attributes:
        sample_rate: Of the prompt when loaded; mixing happens at 16 kHz.
        tail_s: Silence after the last utterance.
    """

    id: str
    voice: str
    sample_rate: int
    script: str
    tail_s: float


CLIPS = {
    "pause_handling": [
        ClipText("ph-01", "rms", 16000, "o1 1.4 c1", 0.1),
        ClipText("ph-02", "rms", 24000, "o2 1.25 c2 0.7 q1", 0.1),
        ClipText("ph-03", "rms", 48000, "0.3 s01 1.6 s10 2.1 q4", 3.5),
        ClipText("ph-04", "rms", 16000, "o3 2.5 c3 0.6 s04 1.3 q2", 0.1),
        ClipText("ph-05", "rms", 24000, "s11 1.2 o6 1.8 c4 0.9 q3", 0.1),
        ClipText("ph-06", "rms", 48000, "s09 0.8 s08 1.5 o5 2.2 c5 1.0 q6", 3.5),
        ClipText("ph-07", "awb", 16000, "o1 1.9 c1", 0.1),
        ClipText("ph-08", "awb", 24000, "s12 1.3 o2 0.65 c2", 3.5),
        ClipText("ph-09", "awb", 48000, "0.5 o3 1.7 c3 1.2 q1", 0.1),
        ClipText("ph-10", "awb", 16000, "s07 1.1 s01 2.4 q2", 0.1),
        ClipText("ph-11", "awb", 24000, "o4 1.45 c4", 3.5),
        ClipText("ph-12", "awb", 48000, "s10 0.75 s06 1.35 o5 2.0 c5 1.6 q3", 0.1),
    ],
    "turn_taking": [
        ClipText("tt-01", "rms", 16000, "k1", 4.0),
        ClipText("tt-02", "rms", 24000, "s05 0.12 q4", 3.5),
        ClipText("tt-03", "rms", 48000, "0.25 s13 0.2 s02 0.08 q1", 5.0),
        ClipText("tt-04", "rms", 16000, "s04 0.15 k3", 4.5),
        ClipText("tt-05", "rms", 24000, "o5 0.1 c2 0.2 q6", 3.8),
        ClipText("tt-06", "rms", 48000, "s11 0.22 k2", 4.2),
        ClipText("tt-07", "awb", 16000, "k5", 5.0),
        ClipText("tt-08", "awb", 24000, "0.15 s03 0.1 q5", 4.0),
        ClipText("tt-09", "awb", 48000, "s08 0.18 s11 0.05 q2", 3.6),
        ClipText("tt-10", "awb", 16000, "o2 0.08 c3 0.15 q4", 4.4),
        ClipText("tt-11", "awb", 24000, "k3", 3.5),
        ClipText("tt-12", "awb", 48000, "s13 0.24 k2", 4.8),
    ],
    "user_interruption": [
        ClipText("ui-01", "rms", 16000, "k1 2.8 i1", 4.0),
        ClipText("ui-02", "rms", 24000, "k2 3.2 i2", 4.5),
        ClipText("ui-03", "rms", 48000, "s06 0.2 k4 2.5 i4", 5.0),
        ClipText("ui-04", "rms", 16000, "0.4 k3 3.5 i3", 4.2),
        ClipText("ui-05", "rms", 24000, "k5 3.0 i5", 4.8),
        ClipText("ui-06", "rms", 48000, "s09 0.15 k6 2.6 i6 0.1 q5", 4.4),
        ClipText("ui-07", "awb", 16000, "k1 3.1 i1", 4.6),
        ClipText("ui-08", "awb", 24000, "k2 2.7 i2 0.12 q3", 4.0),
        ClipText("ui-09", "awb", 48000, "0.3 k3 3.4 i3", 5.0),
        ClipText("ui-10", "awb", 16000, "k4 2.9 i4", 4.3),
        ClipText("ui-11", "awb", 24000, "k5 2.5 i5", 4.7),
        ClipText("ui-12", "awb", 48000, "s14 0.2 k6 3.3 i6", 4.1),
    ],
    "backchannel": [
        ClipText("bc-01", "rms", 16000, "s01 0.3 s05 0.2 s06 0.4 s12", 0.1),
        ClipText("bc-02", "rms", 24000, "s02 0.25 s03 0.35 s11 0.2 s10 0.4 s13", 0.2),
        ClipText("bc-03", "rms", 48000, "0.2 s09 0.2 s04 0.3 s14", 0.15),
        ClipText("bc-04", "rms", 16000, "s07 0.45 s01 0.2 s08 0.3 s13 0.25 s06 0.35 s02 0.2 s05 0.4 s03", 0.3),
        ClipText("bc-05", "rms", 24000, "s14 0.2 s10 0.3 s07 0.25 s04", 0.1),
        ClipText("bc-06", "rms", 48000, "s08 0.35 s02 0.15 s12", 0.2),
        ClipText("bc-07", "awb", 16000, "s01 0.2 s02 0.35 s03 0.25 s04", 0.1),
        ClipText("bc-08", "awb", 24000, "s05 0.3 s06 0.2 s10 0.4 s12 0.25 s14", 0.2),
        ClipText("bc-09", "awb", 48000, "s07 0.25 s09 0.3 s11", 0.15),
        ClipText("bc-10", "awb", 16000, "0.35 s13 0.2 s05 0.45 s08 0.3 s02", 0.3),
        ClipText("bc-11", "awb", 24000, "s12 0.2 s03 0.3 s07 0.35 s14 0.25 s09 0.2 s13", 0.1),
        ClipText("bc-12", "awb", 48000, "s04 0.3 s01 0.25 s08", 0.25),
    ],
}
