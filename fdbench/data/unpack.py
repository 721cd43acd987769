"""Archives from strangers: every member is a plain file or folder below the folder asked for, or nothing is unpacked.

Refused by name: absolute paths, ``..``, drive letters, backslashes, control characters, names that are no UTF-8, names too
long, names that are there twice or differ in case or Unicode form only. Refused by kind: links, devices, pipes, sparse and
encrypted members. Refused by size: more files, bytes, or bytes per packed byte than the limits. Archives inside archives are
files like any other and are not opened. What a Mac adds (``__MACOSX``, ``.DS_Store``, ``._*``) is left out.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import lzma
import re
import shutil
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Final, cast

from fdbench.errors import DataError

_CHUNK_BYTES: Final = 1 << 20
_TAR_BLOCK_BYTES: Final = 512
_MAX_NAME_BYTES: Final = 255
_ZIP_ENCRYPTED, _ZIP_UTF8 = 0x1, 0x800
_DRIVE = re.compile(r"[A-Za-z]:")
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError)
_SUSPECT = "nothing was unpacked; report it to whoever made the archive"


class UnsafeArchiveError(DataError):
    """A member is not a plain file or folder below the target, or the archive is larger than anyone expects."""


class DamagedArchiveError(DataError):
    """It is not an archive, or breaks off, or its checksums do not hold."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive of clips can be.

    Attributes:
        max_files: Members, folders included.
        max_bytes: Unpacked, all together.
        max_ratio: Unpacked bytes per packed byte; speech packs 1.1 to 3 times, deflate can 1032.
        ratio_from_bytes: Below this the ratio does not matter.
    """

    max_files: int = 100_000
    max_bytes: int = 50 << 30
    max_ratio: float = 100.0
    ratio_from_bytes: int = 256 << 20


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What was unpacked: SHA-256 of each file by its path below the target, and their sizes summed."""

    files: dict[str, str]
    n_bytes: int


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    is_folder: bool
    n_bytes: int
    content: IO[bytes] | None


def unpack(archive: Path, into: Path, limits: Limits | None = None) -> Unpacked:
    """Unpack a zip or tar (plain, gzip, xz; told by content, not by name) into an existing empty folder.

    A caller that gets an error throws the folder away.

    Raises:
        UnsafeArchiveError: A member is refused (names it and says why), or a limit is passed.
        DamagedArchiveError: Not an archive, or damaged.
        OSError: The disk is full or cannot be written.
    """
    bounds = limits or Limits()
    with archive.open("rb") as file:
        head = file.read(262)
        file.seek(0)
        try:
            if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
                return _unpack_members(archive, _zip_members(archive, file, into, bounds), into, bounds)
            with _decompressed(file, head) as plain:
                counted = _Counted(plain, archive, bounds)
                return _unpack_members(archive, _tar_members(archive, counted), into, bounds)
        except _DAMAGE as error:
            raise DamagedArchiveError(f"{archive}: a damaged archive ({error})", "fetch it again") from None
        except (UnicodeDecodeError, NotImplementedError) as error:
            raise UnsafeArchiveError(f"{archive}: cannot be unpacked ({error})", _SUSPECT) from None


@contextmanager
def _decompressed(file: BinaryIO, head: bytes) -> Iterator[IO[bytes]]:
    if head.startswith(b"\x1f\x8b"):
        with gzip.open(file, "rb") as plain:
            yield cast(IO[bytes], plain)
    elif head.startswith(b"\xfd7zXZ\x00"):
        with lzma.open(file, "rb") as plain:
            yield plain
    elif head[257:262] == b"ustar":
        yield file
    else:
        begins = head[:24].decode("ascii", "replace")
        raise DamagedArchiveError(f"{file.name}: neither zip nor tar (begins with {begins!r})", "fetch it again")


class _Counted(io.RawIOBase):
    """A stream that stops at the limits: headers are bytes, too, and a bomb may consist of them."""

    def __init__(self, source: IO[bytes], archive: Path, limits: Limits) -> None:
        self._source, self._archive, self._limits = source, archive, limits
        self._packed = archive.stat().st_size
        self._n = 0
        self.tail = b""

    def read(self, size: int = -1, /) -> bytes:
        block = self._source.read(size)
        self._n += len(block)
        self.tail = (self.tail + block)[-_TAR_BLOCK_BYTES:]
        overhead = self._limits.max_files * 2 * _TAR_BLOCK_BYTES
        _check_size(self._archive, max(0, self._n - overhead), self._packed, self._limits)
        return block


def _zip_members(archive: Path, file: BinaryIO, into: Path, limits: Limits) -> Iterator[_Member]:
    with zipfile.ZipFile(file) as packed:
        members = packed.infolist()
        total = sum(member.file_size for member in members)
        _check_count(archive, len(members), limits)
        _check_size(archive, total, archive.stat().st_size, limits)
        free = shutil.disk_usage(into).free
        if total > free:
            raise OSError(errno.ENOSPC, f"{total} bytes are to be unpacked, {free} are free", str(into))
        for member in members:
            name = member.orig_filename
            if member.flag_bits & _ZIP_ENCRYPTED:
                raise _refused(archive, name, "it is encrypted")
            if not member.flag_bits & _ZIP_UTF8 and not name.isascii():
                raise _refused(archive, name, "its name does not say its encoding")
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(archive, name, f"it is {_describe(kind)}")
            is_folder = name.endswith("/")
            if is_folder:
                yield _Member(name, True, 0, None)
            else:
                with packed.open(member) as content:
                    yield _Member(name, False, member.file_size, content)


def _tar_members(archive: Path, plain: _Counted) -> Iterator[_Member]:
    with tarfile.open(fileobj=plain, mode="r|", encoding="utf-8", errors="surrogateescape") as packed:
        for member in packed:
            if member.isdir():
                yield _Member(member.name, True, 0, None)
            elif member.isreg() and not member.issparse():
                yield _Member(member.name, False, member.size, packed.extractfile(member))
            else:
                raise _refused(archive, member.name, f"it is {_TAR_KINDS.get(member.type, 'no plain file')}")
        # tarfile takes a damaged header for the end. So all that follows must be zeros, and the checksum lies behind it.
        while packed.fileobj is not None and (rest := packed.fileobj.read(_CHUNK_BYTES)):
            if rest.strip(b"\0"):
                raise DamagedArchiveError(f"{archive}: a damaged tar, a header cannot be read", "fetch it again")
    while plain.read(_CHUNK_BYTES):
        pass
    if plain.tail.strip(b"\0"):
        raise DamagedArchiveError(f"{archive}: breaks off, the end mark of a tar is missing", "fetch it again")


_TAR_KINDS: Final = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


def _describe(kind: int) -> str:
    return {stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}.get(kind, "a device")


def _unpack_members(archive: Path, members: Iterator[_Member], into: Path, limits: Limits) -> Unpacked:
    packed = archive.stat().st_size
    names = _Names(archive)
    files: dict[str, str] = {}
    total = count = 0
    for member in members:
        count += 1
        _check_count(archive, count, limits)
        parts = _parts(archive, member.name)
        _check_size(archive, total + member.n_bytes, packed, limits)
        if not parts or _is_junk(parts):
            continue
        names.claim(parts, member.is_folder)
        target = into.joinpath(*parts)
        if member.content is None:
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        written = 0
        with target.open("xb") as file:
            while chunk := member.content.read(_CHUNK_BYTES):
                written += len(chunk)
                _check_size(archive, total + written, packed, limits)
                digest.update(chunk)
                file.write(chunk)
        if written != member.n_bytes:
            what = f"{archive}: '{member.name}': expected {member.n_bytes} bytes, found {written}"
            raise DamagedArchiveError(what, "fetch it again")
        total += written
        files["/".join(parts)] = digest.hexdigest()
    return Unpacked(files, total)


def _parts(archive: Path, name: str) -> tuple[str, ...]:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise _refused(archive, name, "its name is not UTF-8") from None
    if name.startswith("/"):
        raise _refused(archive, name, "an absolute path")
    if "\\" in name or _DRIVE.match(name):
        raise _refused(archive, name, "a drive letter or backslash")
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise _refused(archive, name, "control characters in its name")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise _refused(archive, name, "'..' leads out of the folder")
    if any(len(part.encode()) > _MAX_NAME_BYTES for part in parts):
        raise _refused(archive, name, f"a name of more than {_MAX_NAME_BYTES} bytes")
    return parts


class _Names:
    """Paths taken so far, as a file system that knows neither case nor Unicode forms would see them."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._taken: dict[tuple[str, ...], tuple[tuple[str, ...], bool]] = {}

    def claim(self, parts: tuple[str, ...], is_folder: bool) -> None:
        for depth in range(1, len(parts) + 1):
            here, wants_folder = parts[:depth], depth < len(parts) or is_folder
            key = tuple(unicodedata.normalize("NFC", part).casefold() for part in here)
            spelled, holds_folder = self._taken.setdefault(key, (here, wants_folder))
            is_new = spelled is here
            if not is_new and not (spelled == here and wants_folder and holds_folder):
                raise _refused(self._archive, "/".join(parts), f"it collides with '{'/'.join(spelled)}'")


def _is_junk(parts: tuple[str, ...]) -> bool:
    return parts[0] == "__MACOSX" or parts[-1] == ".DS_Store" or parts[-1].startswith("._")


def _check_count(archive: Path, count: int, limits: Limits) -> None:
    if count > limits.max_files:
        raise UnsafeArchiveError(f"{archive}: expected at most {limits.max_files} members, found more", _SUSPECT)


def _check_size(archive: Path, total: int, packed: int, limits: Limits) -> None:
    if total > limits.max_bytes:
        raise UnsafeArchiveError(f"{archive}: unpacks to more than {limits.max_bytes} bytes", _SUSPECT)
    if total > limits.ratio_from_bytes and total > limits.max_ratio * packed:
        what = f"{archive}: {packed} bytes unpack to more than {limits.max_ratio:g} times as many"
        raise UnsafeArchiveError(what, _SUSPECT)


def _refused(archive: Path, name: str, why: str) -> UnsafeArchiveError:
    return UnsafeArchiveError(f"{archive}: the member {name!r} is refused: {why}", _SUSPECT)
