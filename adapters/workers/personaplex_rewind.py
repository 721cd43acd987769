"""Putting a conversation's beginning back: the model's state after its prompts, and the generator of its random numbers."""

from __future__ import annotations

import importlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .frames import RefusalError
else:
    from frames import RefusalError


class CudaDraws:
    """A CUDA generator stands at a seed and an offset, and a computation moves the offset equally far for every seed."""

    def __init__(self, torch: Any, device: str) -> None:
        index = torch.device(device).index
        torch.cuda.init()
        self._torch = torch
        self._generator = torch.cuda.default_generators[torch.cuda.current_device() if index is None else index]
        if len(self._generator.get_state()) != 16:
            raise RefusalError(
                f"torch {torch.__version__}: its CUDA generator is no seed and offset",
                "make the fork's environment: fdbench setup personaplex",
            )
        self.put(0, 0)

    def counted(self) -> Any:
        return self._torch.no_grad()

    def mark(self) -> int:
        """The offset now."""
        return int(struct.unpack("<qq", bytes(self._generator.get_state().tolist()))[1])

    def resume(self, offset: int) -> None:
        self.put(0, offset)

    def put(self, seed: int, offset: int) -> None:
        state = bytearray(struct.pack("<qq", seed, offset))
        self._generator.set_state(self._torch.frombuffer(state, dtype=self._torch.uint8))


class CpuDraws:
    """The CPU's generator cannot jump, so what was drawn on the way is drawn again.

    Which operations drew, and the shapes that they filled, is written down while the model loads and while a prompt runs.
    Repeated on empty tensors after seeding, they leave the generator where the offline program's stands. Whether that holds is
    checked for each prompt against the generator's state itself.
    """

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self._drawn: list[tuple[Any, Any, Any]] = []
        torch.manual_seed(0)

    def counted(self) -> Any:
        torch, drawn = self._torch, self._drawn
        modes: Any = importlib.import_module("torch.utils._python_dispatch")

        class Counter(modes.TorchDispatchMode):  # type: ignore[misc]
            def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                if torch.Tag.nondeterministic_seeded not in func.tags:
                    return func(*args, **(kwargs or {}))
                shapes = tuple(_shape_of(torch, each) for each in args)
                before = torch.get_rng_state()
                result = func(*args, **(kwargs or {}))
                if not torch.equal(before, torch.get_rng_state()):
                    drawn.append((func, shapes, {key: each for key, each in (kwargs or {}).items() if key != "generator"}))
                return result

        return Counter()

    def mark(self) -> tuple[Any, ...]:
        """All that was drawn so far; makes sure that it can be repeated."""
        torch = self._torch
        drawn, stands = tuple(self._drawn), torch.get_rng_state()
        self.put(0, drawn)
        if not torch.equal(stands, torch.get_rng_state()):
            raise RuntimeError("the draws of loading and prompting cannot be repeated with this torch")
        return drawn

    def resume(self, drawn: tuple[Any, ...]) -> None:
        self._drawn[:] = drawn
        self.put(0, drawn)

    def put(self, seed: int, drawn: tuple[Any, ...]) -> None:
        self._torch.manual_seed(seed)
        for func, shapes, kwargs in drawn:
            func(*(each.empty() if isinstance(each, _Shape) else each for each in shapes), **kwargs)


@dataclass(frozen=True)
class _Shape:
    """A tensor without its content."""

    torch: Any
    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: Any

    def empty(self) -> Any:
        return self.torch.empty_strided(self.size, self.stride, dtype=self.dtype)


def _shape_of(torch: Any, value: Any) -> Any:
    return _Shape(torch, tuple(value.shape), value.stride(), value.dtype) if isinstance(value, torch.Tensor) else value


def kept_state(states: dict[str, Any]) -> dict[str, Any]:
    """A copy of a streaming state; of a cache of keys and values, no more than what has been written."""
    return {name: _kept(state) for name, state in states.items()}


def put_state_back(states: dict[str, Any], kept: dict[str, Any]) -> None:
    """Undo everything since ``kept_state``, in the tensors that CUDA graphs have been recorded with."""
    for name, state in states.items():
        _put_back(state, kept[name])


def _kept(state: Any) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    used = _written(state)
    for name, value in _parts(state).items():
        if hasattr(value, "clone"):
            kept[name] = value[:, :, :, :used].clone() if name == "cache" and used is not None else value.clone()
        elif value is None or isinstance(value, (bool, int, float, str)):
            kept[name] = value
        else:
            kept[name] = _kept(value)
    return kept


def _put_back(state: Any, kept: dict[str, Any]) -> None:
    for name, value in _parts(state).items():
        past = kept[name]
        if isinstance(past, dict):
            _put_back(value, past)
        elif hasattr(value, "copy_") and hasattr(past, "clone"):
            target = value if value.shape == past.shape else value[:, :, :, : past.shape[3]]
            target.copy_(past)
        else:
            setattr(state, name, past.clone() if hasattr(past, "clone") else past)


def _parts(state: Any) -> dict[str, Any]:
    parts: dict[str, Any] = state.asdict() if hasattr(state, "asdict") else vars(state)
    return parts


def _written(state: Any) -> int | None:
    """How many steps a ring of keys and values holds; None for anything else, and for one that is full."""
    parts = _parts(state)
    if parts.keys() != {"cache", "end_offset"}:
        return None
    written = int(parts["end_offset"])
    return written if written < parts["cache"].shape[3] else None
