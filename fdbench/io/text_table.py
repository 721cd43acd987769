"""Rows of text as a table for the terminal: columns as wide as their widest cell, nothing behind the last one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from fdbench.io.visible import visible

GAP = "  "


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
