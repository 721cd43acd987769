"""Opus over a line that loses packets: libopus itself, with its forward error correction and its concealment.

::

    packets    |p0|p1|p2|p3|           20 ms each, coded when they are whole
    p1 lost        ^^                  with FEC its frame is decoded from what p2 says of it, so all is heard one packet later
    no p2 either       ^^              the decoder makes it up (concealment), or silence is heard (``zero``)

The library is asked in C: a decoder that conceals is one that is given no packet, which no wrapper passes on. Coders of
different builds differ in their bits, so a condition records the library's version and the SHA-256 of its file.

Delay: one packet, another one with FEC, and the encoder's look-ahead (156 samples at 24 kHz).
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from fdbench.audio.effects.frames import AtRate, Framed
from fdbench.audio.effects.loss import PACKET_S, Losses
from fdbench.core.sound import Samples
from fdbench.errors import FdbenchError, MissingExtraError, UsageError
from fdbench.io.files import sha256_of_file

Concealment = Literal["fec", "plc", "zero"]
OPUS_HZ: Final = (8000, 12000, 16000, 24000, 48000)
_LINE_HZ: Final = 24000
_VOIP: Final = 2048
_SET_BITRATE, _SET_VBR, _SET_COMPLEXITY, _SET_FEC, _SET_LOSS, _SET_SIGNAL = 4002, 4006, 4010, 4012, 4014, 4024
_GET_LOOKAHEAD: Final = 4027
_VOICE, _COMPLEXITY = 3001, 5
_MOST_BYTES: Final = 1500


class Opus(AtRate):
    """Both ends of an Opus line.

    Args:
        kbit: Constant rate, kbit/s.
        losses: Which packets are lost; the coder is told ``loss_pc``.
        conceal: ``fec`` (from the next packet, else made up), ``plc`` (made up) or ``zero`` (silence).

    Raises:
        MissingExtraError: There is no libopus here.
    """

    def __init__(self, kbit: float, losses: Losses, loss_pc: float, conceal: Concealment, sample_rate: int) -> None:
        if conceal not in ("fec", "plc", "zero") or not 6 <= kbit <= 510:
            raise UsageError(
                f"kbit {kbit:g}, conceal '{conceal}': expected 6 to 510 and fec, plc or zero", "mend the condition"
            )
        rate = sample_rate if sample_rate in OPUS_HZ else _LINE_HZ
        self._losses, self._rate = losses, sample_rate
        super().__init__(sample_rate, rate, [_Line(kbit, losses, loss_pc, conceal, rate)])

    def realised(self, n_heard: int) -> dict[str, float]:
        return self._losses.realised(n_heard / self._rate)


class _Line(Framed):
    def __init__(self, kbit: float, losses: Losses, loss_pc: float, conceal: Concealment, rate: int) -> None:
        library, error = _library()[0], ctypes.c_int()
        self._library, self._losses, self._conceal = library, losses, conceal
        self._frame_samples = round(PACKET_S * rate)
        self._coder = library.opus_encoder_create(rate, 1, _VOIP, ctypes.byref(error))
        self._decoder = library.opus_decoder_create(rate, 1, ctypes.byref(error))
        if not (self._coder and self._decoder):
            raise FdbenchError(f"libopus: no coder for {rate} Hz (error {error.value})", "use another condition")
        settings = {
            _SET_BITRATE: round(kbit * 1000), _SET_VBR: 0, _SET_COMPLEXITY: _COMPLEXITY, _SET_SIGNAL: _VOICE,
            _SET_FEC: int(conceal == "fec"), _SET_LOSS: min(100, round(loss_pc)),
        }  # fmt: skip
        for request, value in settings.items():
            library.opus_encoder_ctl(ctypes.c_void_p(self._coder), ctypes.c_int(request), ctypes.c_int(value))
        look_ahead = ctypes.c_int()
        library.opus_encoder_ctl(ctypes.c_void_p(self._coder), ctypes.c_int(_GET_LOOKAHEAD), ctypes.byref(look_ahead))
        self._n, self._waiting = 0, b""
        later = self._frame_samples if conceal == "fec" else 0
        super().__init__(self._frame_samples, self._carry, look_ahead.value + later)

    def __del__(self) -> None:
        for destroy, held in (("opus_encoder_destroy", "_coder"), ("opus_decoder_destroy", "_decoder")):
            if getattr(self, held, None):
                getattr(self._library, destroy)(ctypes.c_void_p(getattr(self, held)))

    def _carry(self, frame: Samples) -> Samples:
        """Code a frame, and decode the one that is due: this one, or with FEC the one before it."""
        packet = self._coded(frame)
        arrived = b"" if self._losses.is_lost(self._n) else packet
        self._n += 1
        if self._conceal != "fec":
            return self._decoded(arrived) if arrived or self._conceal == "plc" else np.zeros_like(frame)
        before, self._waiting = self._waiting, arrived
        if self._n == 1:
            return np.zeros_like(frame)
        return self._decoded(before) if before else self._decoded(arrived, of_the_one_before=bool(arrived))

    def _coded(self, frame: Samples) -> bytes:
        packet = ctypes.create_string_buffer(_MOST_BYTES)
        sound = np.ascontiguousarray(frame, np.float32)
        n = self._library.opus_encode_float(
            ctypes.c_void_p(self._coder), sound.ctypes.data_as(ctypes.c_void_p), len(sound), packet, _MOST_BYTES
        )
        if n < 0:
            raise FdbenchError(f"libopus: the encoder failed (error {n})", "use another condition")
        return packet.raw[:n]

    def _decoded(self, packet: bytes, *, of_the_one_before: bool = False) -> Samples:
        out = np.zeros(self._frame_samples, np.float32)
        n = self._library.opus_decode_float(
            ctypes.c_void_p(self._decoder), packet or None, len(packet), out.ctypes.data_as(ctypes.c_void_p),
            len(out), int(of_the_one_before),
        )  # fmt: skip
        if n < 0:
            raise FdbenchError(f"libopus: the decoder failed (error {n})", "use another condition")
        return out


def opus_build() -> str:
    """Version and hash of the library that would be used. Raises MissingExtraError."""
    library, path = _library()
    version = library.opus_get_version_string().decode(errors="replace")
    return f"{version} sha256:{sha256_of_file(path)}" if path.is_file() else version


@cache
def _library() -> tuple[Any, Path]:
    spec = importlib.util.find_spec("opuslib_next")
    bundled = [Path(spec.origin).parent / "_native" / "libopus.so"] if spec is not None and spec.origin else []
    system = ctypes.util.find_library("opus")
    places = [str(path) for path in bundled if path.is_file()] + ([system] if system else [])
    for place in places:
        try:
            library = ctypes.CDLL(place)
        except OSError:
            continue
        library.opus_get_version_string.restype = ctypes.c_char_p
        for create in (library.opus_encoder_create, library.opus_decoder_create):
            create.restype = ctypes.c_void_p
        return library, Path(place) if Path(place).is_file() else _loaded_file(place)
    raise MissingExtraError("opuslib-next-bundled", "opus", "Opus")


def _loaded_file(name: str) -> Path:
    """Where a system library lies that was loaded by its name alone."""
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.is_file() else []
    return next((Path(line.split()[-1]) for line in lines if line.rstrip().rpartition("/")[2].startswith(name[:7])), Path(name))
