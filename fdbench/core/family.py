"""The families of tasks, in the order of tables. A task's YAML says to which it belongs; nothing else knows one by name."""

from __future__ import annotations

from typing import Final

FAMILIES: Final = ("mini", "v1", "v1.5", "v2")
