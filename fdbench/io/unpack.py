"""Archives from strangers: every member is a plain file or folder below the folder asked for, or the archive is refused.

Refused by name: absolute paths, ``..``, drive letters, backslashes, control characters, names that are no UTF-8 or too long,
names that are there twice. Refused by kind: links, devices, pipes, sparse and encrypted members. Refused by size: more files,
bytes, or bytes per packed byte than the limits. Archives inside archives are files like any other and are not opened. What a
Mac adds (``__MACOSX``, ``.DS_Store``, ``._*``) is left out.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from fdbench.errors import DataError

_CHUNK_BYTES: Final = 1 << 20
_MAX_NAME_BYTES: Final = 255
_ZIP_MAGIC: Final = (b"PK\x03\x04", b"PK\x05\x06")
_ZIP_ENCRYPTED, _ZIP_UTF8 = 0x1, 0x800
_DECOMPRESS: Final[Mapping[bytes, Callable[[IO[bytes]], Any]]] = {b"\x1f\x8b": gzip.open, b"\xfd7": lzma.open}
_DAMAGE: Final = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError)
_TAR_KINDS: Final = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
}
_SUSPECT: Final = "nothing of it is used; report it to whoever made the archive"

_Member = tuple[str, IO[bytes] | None]
"""A name; and the content, where it is a file and not a folder."""


class UnsafeArchiveError(DataError):
    """A member is not a plain file or folder below the target, or the archive is larger than anyone expects."""


class DamagedArchiveError(DataError):
    """It is not an archive, or breaks off, or its checksums do not hold."""


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """What an archive of clips can be.

    Attributes:
        max_files: Members, folders included.
        max_bytes: Unpacked, all together; of a tar with its headers.
        max_ratio: Unpacked bytes per packed byte; speech packs 1.1 to 3 times, deflate can 1032.
        ratio_from_bytes: Below this the ratio does not matter.
    """

    max_files: int = 100_000
    max_bytes: int = 50 << 30
    max_ratio: float = 100.0
    ratio_from_bytes: int = 256 << 20

    def check(self, archive: Path, n_files: int, n_bytes: int) -> None:
        packed = archive.stat().st_size
        if n_files > self.max_files:
            raise UnsafeArchiveError(f"{archive}: expected at most {self.max_files} members, found more", _SUSPECT)
        if n_bytes > self.ratio_from_bytes and n_bytes > self.max_ratio * packed:
            what = f"{archive}: {packed} bytes unpack to more than {self.max_ratio:g} times as many"
            raise UnsafeArchiveError(what, _SUSPECT)
        if n_bytes > self.max_bytes:
            raise UnsafeArchiveError(f"{archive}: unpacks to more than {self.max_bytes} bytes", _SUSPECT)


def unpack(archive: Path, into: Path, limits: UnpackLimits | None = None) -> dict[str, str]:
    """Unpack a zip or tar (plain, gzip, xz; told by content, not by name) into an existing empty folder.

    A caller that gets an error throws the folder away.

    Returns:
        SHA-256 of each file by its path below ``into``, with ``/``.

    Raises:
        UnsafeArchiveError: A member is refused (names it and says why), or a limit is passed.
        DamagedArchiveError: Not an archive, or damaged.
        OSError: The disk is full or cannot be written.
    """
    digests = {}
    try:
        with archive.open("rb") as file:
            head = file.read(4)
            file.seek(0)
            members_of = _zip_members if head in _ZIP_MAGIC else _tar_members
            for name, content in members_of(archive, file, head, limits or UnpackLimits()):
                parts = _parts(archive, name)
                if not parts or parts[0] == "__MACOSX" or parts[-1] == ".DS_Store" or parts[-1].startswith("._"):
                    continue
                digest = _write(archive, name, content, into.joinpath(*parts))
                if digest is not None:
                    digests["/".join(parts)] = digest
    except _DAMAGE as error:
        raise DamagedArchiveError(f"{archive}: a damaged archive ({error})", "fetch it again") from None
    except NotImplementedError as error:
        raise UnsafeArchiveError(f"{archive}: cannot be unpacked ({error})", _SUSPECT) from None
    return digests


def _zip_members(archive: Path, file: IO[bytes], head: bytes, limits: UnpackLimits) -> Iterator[_Member]:
    with zipfile.ZipFile(file) as packed:
        # No member gives more bytes than its header announces.
        limits.check(archive, len(packed.infolist()), sum(member.file_size for member in packed.infolist()))
        for member in packed.infolist():
            name, kind = member.orig_filename, stat.S_IFMT(member.external_attr >> 16)
            if member.flag_bits & _ZIP_ENCRYPTED:
                raise _refused(archive, name, "it is encrypted")
            if not member.flag_bits & _ZIP_UTF8 and not name.isascii():
                raise _refused(archive, name, "its name does not say its encoding")
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(archive, name, f"it is {'a symbolic link' if kind == stat.S_IFLNK else 'no plain file'}")
            yield name, None if name.endswith("/") else packed.open(member)


def _tar_members(archive: Path, file: IO[bytes], head: bytes, limits: UnpackLimits) -> Iterator[_Member]:
    decompressed = _DECOMPRESS[head[:2]](file) if head[:2] in _DECOMPRESS else file
    plain = _Limited(decompressed, archive, limits)
    with tarfile.open(fileobj=plain, mode="r|", encoding="utf-8", errors="surrogateescape") as packed:  # type: ignore[call-overload]
        for member in packed:
            plain.n_files += 1
            if not member.isdir() and (not member.isreg() or member.issparse()):
                raise _refused(archive, member.name, f"it is {_TAR_KINDS.get(member.type, 'no plain file')}")
            yield member.name, packed.extractfile(member)
    while plain.read(_CHUNK_BYTES):  # the checksum lies behind the end of the tar
        pass


class _Limited:
    """A stream that ends with an error at the limits: headers are bytes, too, and a bomb may consist of them."""

    def __init__(self, source: IO[bytes], archive: Path, limits: UnpackLimits) -> None:
        self._source, self._archive, self._limits = source, archive, limits
        self.n_files = self._n_bytes = 0

    def read(self, size: int) -> bytes:
        block = self._source.read(size)
        self._n_bytes += len(block)
        self._limits.check(self._archive, self.n_files, self._n_bytes)
        return block


def _parts(archive: Path, name: str) -> tuple[str, ...]:
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/"):
        raise _refused(archive, name, "an absolute path")
    if ".." in parts:
        raise _refused(archive, name, "'..' leads out of the folder")
    if "\\" in name or re.match(r"[A-Za-z]:", name):
        raise _refused(archive, name, "a drive letter or backslash")
    if not name.isprintable():
        raise _refused(archive, name, "control characters in its name, or it is not UTF-8")
    if any(len(part.encode()) > _MAX_NAME_BYTES for part in parts):
        raise _refused(archive, name, f"a name of more than {_MAX_NAME_BYTES} bytes")
    return parts


def _write(archive: Path, name: str, content: IO[bytes] | None, target: Path) -> str | None:
    """Returns the file's hash; None for a folder."""
    digest = hashlib.sha256()
    try:
        (target if content is None else target.parent).mkdir(parents=True, exist_ok=True)
        if content is None:
            return None
        with content, target.open("xb") as file:
            while chunk := content.read(_CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
    except (FileExistsError, NotADirectoryError):
        raise _refused(archive, name, "it collides with another member") from None
    return digest.hexdigest()


def _refused(archive: Path, name: str, why: str) -> UnsafeArchiveError:
    return UnsafeArchiveError(f"{archive}: the member {name!r} is refused: {why}", _SUSPECT)
