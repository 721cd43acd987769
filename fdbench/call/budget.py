"""What calls with a paid or slow server may take, all together: set aside before they begin, given back when they took less."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final


@dataclass(slots=True)
class Budget:
    """What calls with a paid or slow server may take, and what they have taken. May be used by several threads.

    Attributes:
        max_cost: In the currency of the price that the user gave; None = whatever it is.
        max_minutes: Of conversation, all together.
        price_of: What so many minutes of conversation may cost; None where nobody knows.
        cost, minutes: Spent by calls that have ended, or were interrupted; those of earlier starts of the run too.
        n_left: Calls that were not made because of it.
        on_begin: Called with a call's name, and the minutes and the cost that were set aside for it, before it begins.
    """

    max_cost: float | None = None
    max_minutes: float | None = None
    price_of: Callable[[float], float | None] = lambda minutes: None
    cost: float = 0.0
    minutes: float = 0.0
    n_left: int = 0
    on_begin: Callable[[str, float, float], None] = lambda name, minutes, cost: None
    _held: dict[str, tuple[float, float]] = field(default_factory=dict)
    _one_try: dict[str, tuple[float, float]] = field(default_factory=dict)
    _dearest: float = 0.0
    _is_stopped: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def begin(self, name: str, most_minutes: float, *, may_wait: bool = True) -> bool:
        """Set aside what a call may take; waits for others to end where only what they have set aside is in the way.

        Args:
            may_wait: Else it is not begun there.

        Returns:
            Whether it may be begun.
        """
        with self._changed:
            while not self._is_stopped:
                most_cost = max(self.price_of(most_minutes) or 0.0, self._dearest)
                held_minutes = sum(minutes for minutes, _ in self._held.values())
                held_cost = sum(cost for _, cost in self._held.values())
                if self._fits(self.minutes + held_minutes + most_minutes, self.cost + held_cost + most_cost):
                    self._held[name] = self._one_try[name] = (most_minutes, most_cost)
                    self.on_begin(name, most_minutes, most_cost)
                    return True
                if not may_wait or not self._held or not self._fits(self.minutes + most_minutes, self.cost + most_cost):
                    return False
                self._changed.wait(_LOOK_S)
            return False

    def may_try_again(self, name: str, minutes: float, cost: float) -> bool:
        """Whether a call that has taken so much in vain may be made again; if so, another try is set aside for it."""
        with self._changed:
            most_minutes, most_cost = self._one_try[name]
            wanted = (minutes + most_minutes, cost + most_cost)
            others = [held for each, held in self._held.items() if each != name]
            held_minutes, held_cost = (sum(each) for each in zip(wanted, *others, strict=True))
            if not self._fits(self.minutes + held_minutes, self.cost + held_cost):
                return False
            self._held[name] = wanted
            self.on_begin(name, *wanted)
            return True

    def end(self, name: str, minutes: float, cost: float) -> None:
        """A call has ended, having taken so much."""
        with self._changed:
            self._held.pop(name, None)
            self._one_try.pop(name, None)
            self.minutes += minutes
            self.cost += cost
            self._dearest = max(self._dearest, cost)
            self._changed.notify_all()

    def resume(self) -> None:
        """Calls may be begun again."""
        with self._changed:
            self._is_stopped = False

    def stop(self) -> None:
        """Nothing more is to be begun; whoever waits is let go."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def _fits(self, minutes: float, cost: float) -> bool:
        is_in_time = self.max_minutes is None or minutes <= self.max_minutes
        return is_in_time and (self.max_cost is None or cost <= self.max_cost)


_LOOK_S: Final = 0.5
