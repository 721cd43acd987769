"""Sampling for a batch of conversations, in which a row's draws are its own.

The package draws from one global generator for the whole batch, so that a reply would depend on who sits beside it, and on
when. Here each row has a generator, seeded when its conversation begins. Before a step it draws one exponential number for
every token of every stream, and a stream's next token is the one of greatest probability / number: exactly a draw from the
distribution (exponential races, also known as the Gumbel-max trick). As a number belongs to a token and not to its rank,
rounding that swaps two near-equal probabilities swaps no draws: replies at other batch sizes agree for longer.

The numbers lie in one buffer that never moves, so that a captured CUDA graph reads those of the current step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

import torch


class RowSampler:
    """Takes the place of the package's ``sample_token`` while it steps.

    Args:
        rows: Conversations in the batch.
        cards: Vocabulary sizes of the streams in the order in which a step samples them: text, then each codebook.
    """

    def __init__(self, rows: int, cards: Sequence[int], device: torch.device) -> None:
        self._generators = [torch.Generator(device) for _ in range(rows)]
        self._noise = torch.ones(rows, sum(cards), device=device)
        self._spans = list(zip(accumulate(cards, initial=0), accumulate(cards), strict=False))
        self._stream = 0

    def seed(self, row: int, seed: int) -> None:
        """Begin a row's conversation."""
        self._generators[row].manual_seed(seed)

    def draw(self, rows: Iterable[int]) -> None:
        """Draw what the rows need for one step; the others' generators stay where they are."""
        self._stream = 0
        for row in rows:
            self._noise[row].exponential_(generator=self._generators[row])

    def __call__(
        self, logits: torch.Tensor, use_sampling: bool = False, temp: float = 1.0, top_k: int = 0, top_p: float = 0.0
    ) -> torch.Tensor:
        """The package's ``sample_token``: logits of shape ``(rows, ..., card)`` to tokens of shape ``(rows, ...)``."""
        first, last = self._spans[self._stream]
        # While a CUDA graph is captured the codebooks are gone through more than once, the text only before.
        self._stream = self._stream + 1 if self._stream + 1 < len(self._spans) else 1
        if not use_sampling or temp <= 0:
            return logits.argmax(-1)
        noise = self._noise[:, first:last].reshape(logits.shape)
        probabilities = torch.softmax(logits / temp, -1)
        if not top_k:
            return (probabilities / noise).argmax(-1)
        probabilities, tokens = probabilities.topk(min(top_k, last - first), -1)
        winner = (probabilities / noise.gather(-1, tokens)).argmax(-1, keepdim=True)
        return tokens.gather(-1, winner)[..., 0]


@contextmanager
def sampling_with(sampler: RowSampler, module: Any) -> Iterator[None]:
    """Let ``module`` (the package's ``moshi.models.lm``) sample with ``sampler``."""
    own = module.sample_token
    module.sample_token = sampler
    try:
        yield
    finally:
        module.sample_token = own
