"""``python -m fdbench``: the same as ``fdbench``."""

import sys

from fdbench.cli import main

if __name__ == "__main__":
    sys.exit(main())
