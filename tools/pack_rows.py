"""Put the records of each run of a results folder into one file: ``pack_rows.py results``; so rows are a few files each."""

from __future__ import annotations

import sys
from pathlib import Path

from fdbench.store.run import Run


def main(root: Path) -> None:
    for run in Run.all_in(root):
        with run.locked():
            print(f"{run.folder.name}: {run.pack(run.takes())} records")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
