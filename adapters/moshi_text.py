"""The text that Moshi writes while it speaks, from the tokens of its steps."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

WORD_BEGINS: Final = "▁"
"""How a piece of the vocabulary says that a word begins with it."""


class Spelling:
    """Text from tokens, piece by piece: a space before the beginning of a word, nothing for padding and control tokens.

    A character that the vocabulary lacks is written in several tokens, a byte each; it is told with the last of them.
    """

    def __init__(self, tokenizer: Any, padding: Collection[int], rows: int) -> None:
        self._pieces: dict[int, str] = {}
        self._bytes: dict[int, int] = {}
        for token in range(tokenizer.vocab_size()):
            piece = str(tokenizer.id_to_piece(token))
            if tokenizer.is_byte(token):
                self._bytes[token] = int(piece[3:-1], 16)  # <0xC3>
            elif token not in padding and not tokenizer.is_control(token):
                self._pieces[token] = piece.replace(WORD_BEGINS, " ")
        self._begun = [bytearray() for _ in range(rows)]

    def begin(self, row: int) -> None:
        self._begun[row].clear()

    def piece(self, row: int, token: int) -> str:
        """What a row's next token adds to its text."""
        begun = self._begun[row]
        if token not in self._bytes:
            begun.clear()
            return self._pieces.get(token, "")
        begun.append(self._bytes[token])
        try:
            character = begun.decode()
        except UnicodeDecodeError:
            return ""
        begun.clear()
        return character
