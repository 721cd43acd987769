"""The parts of PersonaPlex's worker that put a conversation's beginning back: the model's state, and the generator."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib import resources

import pytest

torch = pytest.importorskip("torch", reason="the worker draws with torch")


@pytest.fixture
def program(monkeypatch):
    """The worker's program, as its own interpreter sees it: beside ``frames``, away from fdbench."""
    monkeypatch.syspath_prepend(str(resources.files("fdbench.adapters") / "workers"))
    return importlib.import_module("personaplex")


@pytest.fixture
def rewind(program):
    return importlib.import_module("personaplex_rewind")


class Ring:
    """A cache of keys and values as the fork has them."""

    def __init__(self, capacity):
        self.capacity = capacity
        self.cache = torch.zeros(2, 1, 3, capacity, 4)
        self.end_offset = torch.zeros(1, dtype=torch.long)

    def asdict(self):
        return {"cache": self.cache, "end_offset": self.end_offset}

    def write(self, n):
        for _ in range(n):
            self.cache[:, :, :, int(self.end_offset) % self.capacity] = float(self.end_offset) + 1
            self.end_offset.add_(1)


class Graphed:
    def asdict(self):
        return {}


@dataclass
class State:
    ring: Ring
    tokens: torch.Tensor
    graphed: Graphed
    last: torch.Tensor | None = None
    offset: int = 0


def some_state(capacity=10):
    return State(Ring(capacity), torch.arange(6.0), Graphed())


@pytest.mark.parametrize("n_written", [0, 4, 10, 13])
def test_a_state_is_put_back_in_the_same_tensors(rewind, n_written):
    state = some_state()
    state.ring.write(n_written)
    state.offset = n_written
    kept = rewind.kept_state({"": state, "inner": some_state()})
    before = state.ring.cache.clone()
    where = (state.ring.cache.data_ptr(), state.tokens.data_ptr(), state.ring.end_offset.data_ptr())

    state.ring.write(5)
    state.tokens += 1
    state.offset, state.last = 99, torch.ones(3)
    rewind.put_state_back({"": state, "inner": some_state()}, kept)
    n = min(n_written, 10)
    assert torch.equal(state.ring.cache[:, :, :, :n], before[:, :, :, :n])
    assert int(state.ring.end_offset) == n_written
    assert torch.equal(state.tokens, torch.arange(6.0))
    assert (state.offset, state.last) == (n_written, None)
    assert where == (state.ring.cache.data_ptr(), state.tokens.data_ptr(), state.ring.end_offset.data_ptr())


def test_of_a_long_cache_only_what_is_written_is_kept(rewind):
    state = some_state(capacity=3000)
    state.ring.write(7)
    assert rewind.kept_state({"": state})[""]["ring"]["cache"].shape == (2, 1, 3, 7, 4)


def load(model_size=40):
    torch.nn.Linear(model_size, model_size)
    torch.empty(5, dtype=torch.bfloat16).normal_()
    torch.empty(64, 3).t().normal_()


def sample(n):
    for _ in range(n):
        torch.empty(25).exponential_(1)


def test_the_generator_is_put_where_a_fresh_process_would_have_it(rewind):
    with torch.random.fork_rng():
        draws = rewind.CpuDraws(torch)
        with draws.counted():
            load()
            sample(3)
        loaded = draws.mark()
        marks = {}
        for prompt, n in (("short", 4), ("long", 9)):
            draws.resume(loaded)
            with draws.counted():
                sample(n)
            marks[prompt] = (draws.mark(), n)
            torch.rand(1000)  # a clip
        for seed in (0, 7, 2**32 - 1):
            for mark, n in marks.values():
                draws.put(seed, mark)
                found = torch.get_rng_state()
                torch.manual_seed(seed)
                load()
                sample(3 + n)
                assert torch.equal(found, torch.get_rng_state())


def test_a_draw_that_nobody_has_seen_is_found_out(rewind):
    with torch.random.fork_rng():
        draws = rewind.CpuDraws(torch)
        torch.rand(3)
        with pytest.raises(RuntimeError, match="cannot be repeated"):
            draws.mark()


@pytest.mark.parametrize("given", ["Be kind.", "  Be kind. ", "<system> Be kind. <system>"])
def test_a_prompt_is_wrapped_once(program, given):
    assert program.in_system_tags(given) == "<system> Be kind. <system>"
