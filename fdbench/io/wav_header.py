"""What the header of an uncompressed file promises, against what the file holds.

::

    header | chunk | chunk | data: so many bytes | chunk | end        whole
                           | data: so many bytes      end             truncated: it promises more
                           | data: few | sound goes on        end     unfinished: a recorder that was killed left it so
                           | data: 0xFFFFFFFF                 end     its length was left open: until the end

libsndfile quietly reads the shorter of both, and so turns a damaged file into silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from mmap import mmap
from typing import Final, Literal, TypeAlias

Bytes: TypeAlias = bytes | mmap
"""Of a file, in memory or mapped into it."""
MOST_BEYOND_BYTES: Final = 1024
"""What may follow the last chunk and is no chunk: padding, or the tag that players append to any file."""
OPEN_BYTES: Final = 0x7FFF_F000
"""From here on a length is what writers to a pipe put there who do not know it yet (0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000)."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Of a file that is a chain of chunks, each an id, a size and so many bytes."""

    first_at: int
    byte_order: Literal["little", "big"]
    data_id: bytes
    size_bytes: int = 4
    alignment: int = 2


_LAYOUTS: Final = {
    b"RIFF": _Layout(12, "little", b"data"),
    b"RF64": _Layout(12, "little", b"data"),
    b"BW64": _Layout(12, "little", b"data"),
    b"RIFX": _Layout(12, "big", b"data"),
    b"FORM": _Layout(12, "big", b"SSND"),
    b"caff": _Layout(8, "big", b"data", size_bytes=8, alignment=1),
}


def fault_of_header(data: Bytes) -> str | None:
    """Why what a header promises is not what the file holds; None where it is, or nothing is known about its kind."""
    if data[:4] == b".snd":
        start, size = int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:12], "big")
        return _fault(data, start, size, None)
    layout = _LAYOUTS.get(data[:4])
    if layout is None:
        return None
    at = layout.first_at
    long_bytes: int | None = None
    while (head := _chunk(data, at, layout)) is not None:
        name, size, start = head
        if name == b"ds64":
            long_bytes = int.from_bytes(data[start + 8 : start + 16], "little")
        if name == layout.data_id:
            return _fault(data, start, size if long_bytes is None or size < OPEN_BYTES else long_bytes, layout)
        at = start + size + -size % layout.alignment
    return None


def _chunk(data: Bytes, at: int, layout: _Layout) -> tuple[bytes, int, int] | None:
    """Name, size and first byte of the chunk that begins ``at``; None where none does."""
    start = at + 4 + layout.size_bytes
    name = data[at : at + 4]
    if start > len(data) or not all(0x20 <= byte < 0x7F for byte in name):
        return None
    return name, int.from_bytes(data[at + 4 : start], layout.byte_order), start


def _fault(data: Bytes, start: int, size: int, layout: _Layout | None) -> str | None:
    held = len(data) - start
    if size >= OPEN_BYTES:
        return None
    if size > held:
        return f"truncated, the header promises more audio than the file holds: {size} bytes of {held}"
    beyond = held - size if layout is None else len(data) - _end_of_chunks(data, start + size, layout)
    if beyond <= MOST_BEYOND_BYTES:
        return None
    return f"unfinished, the header promises {size} bytes of audio, and {beyond} bytes follow that are nothing known"


def _end_of_chunks(data: Bytes, at: int, layout: _Layout) -> int:
    """Where the chain of whole chunks ends that begins ``at``, or at the next aligned byte: some writers do not pad."""
    for begin in dict.fromkeys((at + -at % layout.alignment, at)):
        here = begin
        while (head := _chunk(data, here, layout)) is not None and head[2] + head[1] <= len(data):
            here = head[2] + head[1] + -head[1] % layout.alignment
        if here > begin:
            return here
    return at


def split_flac_length(data: bytes) -> tuple[bytes, int | None]:
    """A FLAC without the number of samples that its header promises, so that all that is there is read, and that number.

    The number is None where the writer did not know it, or the file is no FLAC.
    """
    if data[:4] != b"fLaC" or len(data) < 42 or data[4] & 0x7F:
        return data, None
    at = 21  # of STREAMINFO: its last 4 bits and the next 4 bytes
    promised = int.from_bytes(data[at : at + 5], "big") & 0xF_FFFF_FFFF
    if not promised:
        return data, None
    return data[:at] + bytes([data[at] & 0xF0, 0, 0, 0, 0]) + data[at + 5 :], promised
