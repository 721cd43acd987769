"""Each row draws for itself, and what it draws follows the distribution that the package would draw from."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'fdbench[moshi]'")

from fdbench.adapters.moshi_sampling import RowSampler, sampling_with  # noqa: E402

CARDS = (7, 5, 5)
LOGITS = torch.tensor([2.0, 1.0, 0.0, 0.5, -1.0])


def draws(sampler, rows, n, logits=LOGITS, **how):
    """Tokens of the first codebook, shape (n, rows)."""
    found = []
    for _ in range(n):
        sampler.draw(rows)
        sampler(torch.zeros(sampler._noise.shape[0], 1, 1, CARDS[0]), True, 1.0, 3)
        found.append(sampler(logits.expand(sampler._noise.shape[0], 1, 1, -1), True, **how)[:, 0, 0].numpy())
    return np.stack(found)


@pytest.mark.parametrize("top_k", [0, 3, 5, 100])
@pytest.mark.parametrize("temp", [0.7, 1.0])
def test_tokens_come_as_often_as_the_softmax_of_the_most_probable_says(temp, top_k):
    n, rows = 4000, 4
    sampler = RowSampler(rows, CARDS, torch.device("cpu"))
    for row in range(rows):
        sampler.seed(row, row)
    found = draws(sampler, range(rows), n // rows, temp=temp, top_k=top_k).ravel()
    wanted = torch.softmax(LOGITS / temp, -1).numpy()
    wanted[np.argsort(wanted)[::-1][min(top_k or 5, 5) :]] = 0.0
    wanted /= wanted.sum()
    share = np.bincount(found, minlength=5) / n
    assert (share[wanted == 0] == 0).all()
    # Four standard deviations: with 40 shares compared, about one run in 400 would fail, were the seeds not fixed.
    assert (np.abs(share - wanted) <= 4 * np.sqrt(wanted * (1 - wanted) / n) + 1e-12).all(), (share, wanted)


def test_a_rows_draws_are_those_of_its_seed_whoever_else_draws():
    alone = RowSampler(4, CARDS, torch.device("cpu"))
    alone.seed(2, 11)
    together = RowSampler(4, CARDS, torch.device("cpu"))
    for row, seed in ((0, 5), (1, 6), (3, 7), (2, 11)):
        together.seed(row, seed)
    together.draw([0, 1, 3])  # a step in which row 2 was idle
    np.testing.assert_array_equal(
        draws(alone, [2], 50, temp=1.0, top_k=0)[:, 2], draws(together, [3, 2, 0], 50, temp=1.0, top_k=0)[:, 2]
    )
    other = RowSampler(4, CARDS, torch.device("cpu"))
    other.seed(2, 12)
    assert (draws(other, [2], 50, temp=1.0, top_k=0) != draws(alone, [2], 50, temp=1.0, top_k=0))[:, 2].any()


def test_streams_of_one_step_are_independent_and_codebooks_may_be_gone_through_twice():
    """A CUDA graph is captured after a step that ran outside it, within one step of the model."""
    sampler = RowSampler(1, (5, 5, 5), torch.device("cpu"))
    sampler.seed(0, 1)
    logits = LOGITS.expand(1, 1, 1, -1)
    rows = []
    for _ in range(300):
        sampler.draw([0])
        rows.append([int(sampler(logits, True, 1.0, 0)) for _ in range(5)])
    found = np.array(rows)
    np.testing.assert_array_equal(found[:, 1:3], found[:, 3:5])
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert abs(np.corrcoef(found[:, one], found[:, other])[0, 1]) < 4 / np.sqrt(300)


def test_greedy_and_temperature_zero_take_the_likeliest():
    sampler = RowSampler(2, (5, 5), torch.device("cpu"))
    for how in ({"use_sampling": False}, {"use_sampling": True, "temp": 0.0}):
        assert sampler(LOGITS.expand(2, 1, 1, -1), **how).flatten().tolist() == [0, 0]


def test_the_packages_own_sampling_is_back_afterwards_even_after_an_error():
    class Module:
        sample_token = "own"

    with pytest.raises(RuntimeError), sampling_with("ours", Module):
        assert Module.sample_token == "ours"
        raise RuntimeError
    assert Module.sample_token == "own"
