"""Archives from strangers: plain files and folders below the folder asked for, or the whole archive is refused."""

from __future__ import annotations

import gzip
import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

from fdbench.errors import DataError

MAX_MEMBERS: Final = 100_000
MAX_BYTES: Final = 50 << 30
_DAMAGE: Final = (zipfile.BadZipFile, tarfile.ReadError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError)
_REFUSALS: Final = (tarfile.TarError, RuntimeError)
"""What the libraries raise for members that they do not unpack: devices and pipes, encrypted ones, unknown methods."""
_NONSENSE: Final = (ValueError, OverflowError, LookupError, struct.error)
"""What comes out of the libraries where a header has text for a number, a name that no file can have, or too little."""
_SUSPECT: Final = "nothing of it is used; report it to whoever made the archive"


class _Member(NamedTuple):
    """A file or folder in an archive; ``n_bytes`` is what its header says, and it gives no more than that."""

    name: str
    n_bytes: int
    is_link: bool
    extract: Callable[[], Any]


def unpack(archive: Path, into: Path, *, max_members: int = MAX_MEMBERS, max_bytes: int = MAX_BYTES) -> None:
    """Unpack a zip or tar (plain, gzip, bzip2, xz; told by content, not by name).

    What a Mac adds (``__MACOSX``, ``.DS_Store``, ``._*``) is left out. A caller that gets an error throws ``into`` away.

    Args:
        max_bytes: Unpacked, all together.

    Raises:
        DataError: It is no archive, is damaged or too large, or a member of it leads out of the folder or is no plain file.
        OSError: The disk is full or cannot be written.
    """
    total_bytes = 0
    try:
        for n_members, member in enumerate(_members(archive, into), start=1):
            total_bytes += member.n_bytes
            path = PurePosixPath(member.name)
            if n_members > max_members or total_bytes > max_bytes:
                raise DataError(f"{archive}: expected at most {max_members} files of {max_bytes} bytes, found more", _SUSPECT)
            if path.is_absolute() or ".." in path.parts:
                raise DataError(f"{archive}: the member {member.name!r} is refused: it leads out of the folder", _SUSPECT)
            if member.is_link:
                raise DataError(f"{archive}: the member {member.name!r} is refused: it is a link", _SUSPECT)
            if not ("__MACOSX" in path.parts or path.name == ".DS_Store" or path.name.startswith("._")):
                member.extract()
    except (*_DAMAGE, *_NONSENSE) as error:
        raise DataError(f"{archive}: not an archive, or damaged ({error})", "fetch it again") from None
    except OSError as error:
        if error.errno is None:  # bz2's word for damage; the disk's errors have a number
            raise DataError(f"{archive}: not an archive, or damaged ({error})", "fetch it again") from None
        raise
    except _REFUSALS as error:
        raise DataError(f"{archive}: cannot be unpacked ({error})", _SUSPECT) from None


def _members(archive: Path, into: Path) -> Iterator[_Member]:
    with archive.open("rb") as file:
        is_zip = file.read(2) == b"PK"
        file.seek(0)
        if is_zip:
            with zipfile.ZipFile(file) as packed:
                for info in packed.infolist():
                    is_link = stat.S_ISLNK(info.external_attr >> 16)
                    yield _Member(info.filename, info.file_size, is_link, partial(packed.extract, info, into))
        else:
            with tarfile.open(fileobj=file) as tar:
                for member in tar:
                    is_link = member.issym() or member.islnk()
                    yield _Member(member.name, member.size, is_link, partial(_extract, tar, member, into))
                while tar.fileobj is not None and tar.fileobj.read(1 << 20):
                    pass  # the checksum lies behind the end of the tar


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    """A file's bytes or a folder, and no owner, no mode; ``tarfile``'s own filters came with Python 3.10.12 and 3.11.4."""
    path = into / member.name
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    content = tar.extractfile(member) if member.isfile() else None
    if content is None:
        raise tarfile.ExtractError(f"{member.name!r} is a special file")
    path.parent.mkdir(parents=True, exist_ok=True)
    with content, path.open("wb") as file:
        shutil.copyfileobj(content, file)
