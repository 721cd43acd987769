"""What a reader must know of the tables. Static text: it says how to read the numbers, not what they are."""

from __future__ import annotations

HEADLINE = (
    "*Lost*: seconds that the user loses per turn, the mean of the four tasks: waiting (5 for a reply that never comes), being",
    "talked over, 1 for each break-in; *in words*: where replies of under 3 words do not end the wait. *Waits*: pauses of the",
    "user in which the model keeps silent. *Takes the turn*: turns that it takes, *after* so long in the median, negative",
    "before the user has finished, best nearest to 0 (±: the median distance from 0, where it is another). *To people*: how",
    "far all of its onsets after a turn are from people's (Switchboard), as a distribution; 3.8 if it never replies. *Yields*:",
    "interruptions of a speaking model to which it falls silent, and in what time. *Backchannels*: their timing as a share",
    "of what people's own would reach, in bits, and the factor by which their number is off people's. *Selective*: the",
    "share of interruptions that it responds to, less the mean share of backchannels, asides and background speech that it",
    "responds to; 0 where it tells no difference. *Goals*: of dialogues with an examiner, those that it meets.",
    "",
    "† understands nothing: a trivial agent, never bold (`oracle` is told what the user will do). **Bold** is the best of two",
    "or more models, within a clock; values that look the same tie. Small: 95 % interval. `–`: there is nothing to measure (no",
    "speech to interrupt, no backchannel made, a task not run). `> 5.99`: half are at least so long. `n=7`: under 10 samples,",
    "not ranked. *ears ±0.08*: where several recognisers or detectors heard the same calls, half of what they differ by; who",
    "is no further than that from the best shares its mark. Numbers of different tables are never compared.",
)

READING = (
    "**Reading a cell.** `0.250` over `[0.085, 0.544], n=12, 2 n/a`: the value, its 95 % interval over samples (of a rate",
    "under `fdbench` clustered Wilson, else bootstrap), the samples behind it, and those without a value: *n/a*, the metric",
    "does not apply to what happened; *cens.*, censored: the recording ended before the reply began, or the model never",
    "stopped, so the latency is only known to be longer; *err.*, the call or its scoring failed. `> 4.600`: half of the",
    "latencies are at least so long. `–` is no value at all, never zero. `0.857 (n=7)`: fewer than 10 samples, shown and not",
    "ranked.",
    "↑ higher is better, ↓ lower is better, neither: no better end.",
    "",
    "**Ranking.** Rows of one table share task version, data, protocol, recogniser (ASR), voice activity detector (VAD) and",
    "number of samples; numbers of different tables are never compared. Latencies are ranked within a clock: on *lockstep*",
    "time stands still while the model computes, on *realtime* it does not, *given* recordings were timed by somebody else.",
    "A latency under `fdbench` is shown signed (its median), negative where the model spoke before the user had finished, and",
    "ranked by the median of its absolute values. Never ranked: what is conditional on what the model did (response latency",
    "and relevance after an interruption, everything *not exercised*), what stands beside another number (no response, content",
    "latency, F1, bits), a backchannel ceiling share where the amount is more than a factor of 2 off people's, and a row with",
    "more than 2 % sound beside speech or more than 10 % undecided interruptions, which says so.",
    "**Bold** is the best; where that is a trivial agent, the best of two or more models is bold too.",
    "",
    "**Trivial agents** (†) show what a number is worth without any understanding: where one of the first four is bold, that",
    "number alone proves nothing.",
    "",
    "- `silence` never speaks: it wins pause handling, and takeover in backchannel, by doing nothing.",
    "- `always-talking` never stops: it wins takeover in smooth turn-taking and user interruption, under `fdb-*` at a latency",
    "  of about zero; the corrected protocol reports it as breaking in, or as talking through.",
    "- `random-backchannel` makes short sounds at random times: it does well in backchannel distance under `fdb-*`; its",
    "  F1 above chance is little above zero.",
    "- `echo` repeats the user and answers nobody.",
    "- `vad-endpointer` speaks when the user has been silent for a fixed time: the line that a learned model should cross.",
    "- `oracle` is told what the user will do: the ceiling, and a check of the whole chain.",
)

CONVERSATION = (
    "*Ends of turns*: takeovers as claims that the user is done, over pauses and turns together; on time: from 0.3 s before an",
    "end to 1 s after it. *Takes holds, takes shifts*: silences of 0.2 s and more inside the user's turns, and after them, in",
    "which it takes the turn; below, the difference to people's own rate, which is the aim, where the reference has one.",
    "*Speaks against*: overlap in which neither gives way soon (competitive, held), per minute of the user's speech, and of",
    "what kinds all overlap is. *Waits*, *breaks into*: the price of being fast, over all turns; *front*: no other waits less",
    "and breaks into less. *Onsets*: Jensen-Shannon divergence of the reply's onsets from people's, above what as many people",
    "would have by chance: 0 = as people. *Backchannels*: divergence of their intervals from a process without memory.",
)

PROTOCOLS = (
    "- `fdbench`: corrected definitions, each metric measuring what it is meant to; the one to rank by. *Break-in*: of",
    "  people's transitions in Switchboard, 10 % begin earlier than 0.3 s before the end, too.",
    "- `fdb-2026-05`: what the published v1 scripts compute since May 2026, when the backchannel VAD was given 16 kHz audio.",
    "- `fdb-2026-02`: what they computed before that fix, defects included.",
    "- `fdb-2025-06` (published numbers only): the scripts of June 2025; a segment that counted as a takeover also emptied the",
    "  list of backchannels, so takeover is as under `fdb-2026-02` but frequency and distance are not.",
    "- `unknown` (published numbers only): the rule behind the number is not on record.",
)

PUBLISHED_INTRODUCTION = (
    "Published elsewhere, with other recognisers, clocks and settings; *primary*: read in the source itself, *secondary*: "
    "through a copy of it."
)
