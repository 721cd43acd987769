"""Rows of text as a table for the terminal: columns as wide as their widest cell, nothing behind the last one."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Sequence
from itertools import zip_longest

from fdbench.io.visible import visible

GAP = "  "
_LONGEST_WORD = 20
"""Longer words are broken where a table has to fit."""


def text_table(rows: Iterable[Sequence[str]], *, header: Sequence[str] | None = None, right: Collection[int] = ()) -> list[str]:
    """The lines of a table; none where there are neither rows nor a header. In its cells nothing acts on a terminal.

    Args:
        rows: All of one length.
        header: A first row.
        right: Columns, from 0, that are aligned on their right side.
    """
    table = [[visible(cell) for cell in row] for row in (*([header] if header is not None else []), *rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]

    def padded(column: int, cell: str) -> str:
        return cell.rjust(widths[column]) if column in right else cell.ljust(widths[column])

    return [GAP.join(padded(*each) for each in enumerate(row)).rstrip() for row in table]


def fitted_table(rows: Iterable[Sequence[str]], *, header: Sequence[str], width: int) -> list[str]:
    """The same in lines of at most ``width`` characters: the widest columns are wrapped, the first one never."""
    table = [[visible(cell) for cell in row] for row in (header, *rows)]
    columns = list(zip(*table, strict=True))
    widths = [max(map(len, column)) for column in columns]
    words = [max((len(word) for cell in column for word in cell.split()), default=0) for column in columns]
    while sum(widths) + len(GAP) * (len(widths) - 1) > width:
        wide = [column for column in range(1, len(widths)) if widths[column] > min(words[column], _LONGEST_WORD)]
        if not wide:
            break
        widths[max(wide, key=lambda column: widths[column])] -= 1
    lines: list[Sequence[str]] = []
    for row in table:
        wrapped = [textwrap.wrap(cell, widths[column]) if column else [cell] for column, cell in enumerate(row)]
        lines += zip_longest(*wrapped, fillvalue="")
    return text_table(lines)
