"""fdbench measures when full-duplex voice models speak: pausing, taking the turn, backchannelling, yielding.

    import fdbench

    scores = fdbench.score(user, model, sample_rate=24000, task="turn_taking", events=[("turn_end", 3.4)])
    print(scores["response_latency_s"].value)

=====================  ==================================================================================
``score``              one conversation, as two arrays or files, to numbers
``reward``,            one conversation, or many, to one number each, for training
``rewards``
``run``                a model - a name, a class, an object - through the tasks
``load_run``           the numbers of a run as dicts or data frames
``pause_outcome``,     the decisions themselves, plain functions of times: of the ``fdbench`` protocol ...
``turn_outcome``,
``heard_interruption``,
``interruption_outcome``,
``backchannel_outcome``
``find_bursts``,       ... and what they are made of: the detector's segments with short gaps closed (bursts), with longer
``find_utterances``,   ones closed and their words counted (utterances), and the utterances that take the turn
``find_takeovers``
``published_reply``    the published decision, defects included
``lost_time``,         measures over decisions: what the user loses (of ``UserTurn`` and ``Takeover``), backchannels against
``timing_bits``,       people's timing and rhythm, how long both speak at once, ...
``rhythm_of``,
``overlap_time``,
``find_opportunities`` silences in which the turn could be taken (``taken_rate``), takeovers as claims that a turn ended,
``find_boundaries``,
``compare_onsets``,    onsets against people's (``find_reference(NAME).onsets``, ``SampledOnsets``, ``CountedOnsets``,
``reward_of``          ``SplitExponential``; ``check_same_cut`` before references are mixed), rewards of a ``RewardedClip``
``clustered_wilson``,  ... intervals of rates and of their differences, ...
``newcombe_difference``
``front_of``,          ... and models beside each other: the front of waiting against being broken into, ratings against
``hypervolume``,       a base's, exact tests of rates and means, the effect that could be seen, the fall with noise
``guardrail``,
``mcnemar_p``,
``sign_flip_p``,
``minimum_detectable_effect``,
``dose_response``
=====================  ==================================================================================

Nothing heavy is imported before it is asked for.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from fdbench.errors import FdbenchError

if TYPE_CHECKING:
    from fdbench.api.clip import ClipScores, score
    from fdbench.api.results import RunResults, load_run
    from fdbench.api.reward import reward, rewards
    from fdbench.api.run import run
    from fdbench.core.event import Event
    from fdbench.core.onsets import CountedOnsets, SampledOnsets, SplitExponential
    from fdbench.core.score import Score
    from fdbench.core.span import Span
    from fdbench.core.speech import Word
    from fdbench.human.reference import check_same_cut, find_reference
    from fdbench.scoring.backchannel_timing import timing_bits
    from fdbench.scoring.corrected.backchannel import backchannel_outcome
    from fdbench.scoring.corrected.boundaries import find_boundaries
    from fdbench.scoring.corrected.lost_time import Takeover, UserTurn, lost_time
    from fdbench.scoring.corrected.model_side import find_takeovers
    from fdbench.scoring.corrected.opportunities import find_opportunities, taken_rate
    from fdbench.scoring.corrected.pause import pause_outcome
    from fdbench.scoring.corrected.turn import turn_outcome
    from fdbench.scoring.corrected.utterance import find_bursts, find_utterances
    from fdbench.scoring.corrected.yielding import heard_interruption, interruption_outcome
    from fdbench.scoring.overlap_kinds import overlap_time
    from fdbench.scoring.published.takeover import published_reply
    from fdbench.scoring.rewards import RewardedClip, reward_of
    from fdbench.scoring.rhythm import rhythm_of
    from fdbench.stats.comparison import dose_response, guardrail, mcnemar_p, minimum_detectable_effect, sign_flip_p
    from fdbench.stats.frontier import front_of, hypervolume
    from fdbench.stats.onset_distribution import compare_onsets
    from fdbench.stats.wilson import clustered_wilson, newcombe_difference

try:
    __version__ = version("fdbench")
except PackageNotFoundError:  # a source tree on sys.path that was never installed
    __version__ = "0.1.0+uninstalled"

_FROM = {
    "ClipScores": "fdbench.api.clip",
    "CountedOnsets": "fdbench.core.onsets",
    "Event": "fdbench.core.event",
    "RewardedClip": "fdbench.scoring.rewards",
    "RunResults": "fdbench.api.results",
    "SampledOnsets": "fdbench.core.onsets",
    "Score": "fdbench.core.score",
    "Span": "fdbench.core.span",
    "SplitExponential": "fdbench.core.onsets",
    "Takeover": "fdbench.scoring.corrected.lost_time",
    "UserTurn": "fdbench.scoring.corrected.lost_time",
    "Word": "fdbench.core.speech",
    "backchannel_outcome": "fdbench.scoring.corrected.backchannel",
    "check_same_cut": "fdbench.human.reference",
    "clustered_wilson": "fdbench.stats.wilson",
    "compare_onsets": "fdbench.stats.onset_distribution",
    "dose_response": "fdbench.stats.comparison",
    "find_boundaries": "fdbench.scoring.corrected.boundaries",
    "find_bursts": "fdbench.scoring.corrected.utterance",
    "find_opportunities": "fdbench.scoring.corrected.opportunities",
    "find_reference": "fdbench.human.reference",
    "find_takeovers": "fdbench.scoring.corrected.model_side",
    "find_utterances": "fdbench.scoring.corrected.utterance",
    "front_of": "fdbench.stats.frontier",
    "guardrail": "fdbench.stats.comparison",
    "heard_interruption": "fdbench.scoring.corrected.yielding",
    "hypervolume": "fdbench.stats.frontier",
    "interruption_outcome": "fdbench.scoring.corrected.yielding",
    "load_run": "fdbench.api.results",
    "lost_time": "fdbench.scoring.corrected.lost_time",
    "mcnemar_p": "fdbench.stats.comparison",
    "minimum_detectable_effect": "fdbench.stats.comparison",
    "newcombe_difference": "fdbench.stats.wilson",
    "overlap_time": "fdbench.scoring.overlap_kinds",
    "pause_outcome": "fdbench.scoring.corrected.pause",
    "published_reply": "fdbench.scoring.published.takeover",
    "reward": "fdbench.api.reward",
    "reward_of": "fdbench.scoring.rewards",
    "rewards": "fdbench.api.reward",
    "rhythm_of": "fdbench.scoring.rhythm",
    "run": "fdbench.api.run",
    "score": "fdbench.api.clip",
    "sign_flip_p": "fdbench.stats.comparison",
    "taken_rate": "fdbench.scoring.corrected.opportunities",
    "timing_bits": "fdbench.scoring.backchannel_timing",
    "turn_outcome": "fdbench.scoring.corrected.turn",
}

__all__ = [
    "ClipScores",
    "CountedOnsets",
    "Event",
    "FdbenchError",
    "RewardedClip",
    "RunResults",
    "SampledOnsets",
    "Score",
    "Span",
    "SplitExponential",
    "Takeover",
    "UserTurn",
    "Word",
    "__version__",
    "backchannel_outcome",
    "check_same_cut",
    "clustered_wilson",
    "compare_onsets",
    "dose_response",
    "find_boundaries",
    "find_bursts",
    "find_opportunities",
    "find_reference",
    "find_takeovers",
    "find_utterances",
    "front_of",
    "guardrail",
    "heard_interruption",
    "hypervolume",
    "interruption_outcome",
    "load_run",
    "lost_time",
    "mcnemar_p",
    "minimum_detectable_effect",
    "newcombe_difference",
    "overlap_time",
    "pause_outcome",
    "published_reply",
    "reward",
    "reward_of",
    "rewards",
    "rhythm_of",
    "run",
    "score",
    "sign_flip_p",
    "taken_rate",
    "timing_bits",
    "turn_outcome",
]


def __getattr__(name: str) -> Any:
    if name not in _FROM:
        raise AttributeError(f"module 'fdbench' has no attribute '{name}'")
    value = getattr(import_module(_FROM[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
