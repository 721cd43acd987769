"""The version of everything that lies between a recording and a scorer.

::

    audio --> resampling --> detector, its settings --> regions, pads, joins --> recogniser, its search --> gate --> words
              |------------------------------------------ hear:N -----------------------------------------------|

A number may move with any of it, and the engines' own versions say nothing about it. So the version stands in every signature
and in the key of every stored annotation, and a test compares the source of all of it with what it was under that version.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = 2
"""Goes up whenever the same audio, heard by the same engines, may give other times or words."""
VERSION_BEFORE_SIGNED: Final = 1
"""By which scorings were made whose signatures do not say it yet."""
