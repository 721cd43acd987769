"""The families of tasks, in the order of tables. A task's YAML says to which it belongs; nothing else knows one by name."""

from __future__ import annotations

from typing import Final

FAMILIES: Final = ("mini", "v1", "v1.5", "v2")
BENCHMARK: Final = ("v1", "v1.5", "v2")
"""Those of Full-Duplex-Bench: a model has one headline for all of them."""
