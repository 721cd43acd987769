"""Archives from strangers: plain files below the target, or nothing at all."""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fdbench.errors import DataError
from fdbench.io.unpack import unpack

TREE = {"set/1/input.wav": b"RIFF", "set/1/pause.json": b"[]", "set/2/input.wav": b"RIFX"}


def zipped(path: Path, members: dict[str, bytes], **options: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            archive.addfile(info(name, size=len(data)), io.BytesIO(data))
    return path


def info(name: str, **attributes: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    for key, value in attributes.items():
        setattr(member, key, value)
    return member


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "outer" / "into"
    folder.mkdir(parents=True)
    return folder


def everything_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() or path.is_symlink())


@pytest.mark.parametrize(
    "make",
    [
        lambda path: zipped(path, TREE),
        lambda path: tarred(path, TREE),
        lambda path: tarred(path, TREE, "w:gz"),
        lambda path: tarred(path, TREE, "w:xz"),
    ],
    ids=["zip", "tar", "tar.gz", "tar.xz"],
)
def test_each_kind_is_told_by_its_content(make: Callable[[Path], Path], tmp_path: Path, into: Path) -> None:
    unpack(make(tmp_path / "archive"), into)
    assert {name: (into / name).read_bytes() for name in everything_below(into)} == TREE


def test_what_a_mac_adds_is_left_out(tmp_path: Path, into: Path) -> None:
    junk = {"__MACOSX/set/._input.wav": b"x", "set/.DS_Store": b"x", "set/1/._input.wav": b"x"}
    unpack(zipped(tmp_path / "a.zip", {**TREE, **junk}), into)
    assert everything_below(into) == sorted(TREE)


def test_an_archive_inside_is_a_file_like_any_other(tmp_path: Path, into: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"../escape": b"x"}).read_bytes()
    unpack(zipped(tmp_path / "a.zip", {"set/1/inner.zip": inner}), into)
    assert everything_below(into) == ["set/1/inner.zip"]


@pytest.mark.parametrize("name", ["/etc/evil", "../evil", "set/../../evil"])
@pytest.mark.parametrize("make", [zipped, tarred])
def test_a_name_that_leads_elsewhere_is_refused(
    make: Callable[[Path, dict[str, bytes]], Path], name: str, tmp_path: Path, into: Path
) -> None:
    archive = make(tmp_path / "archive", {name: b"evil"})
    with pytest.raises(DataError, match="leads out of the folder"):
        unpack(archive, into)
    assert everything_below(tmp_path) == ["archive"]


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (info("set/link", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "it is a link"),
        (info("set/link", type=tarfile.LNKTYPE, linkname="../../evil"), "it is a link"),
        (info("set/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3), "special file"),
        (info("set/disk", type=tarfile.BLKTYPE), "special file"),
        (info("set/pipe", type=tarfile.FIFOTYPE), "special file"),
    ],
    ids=["symlink", "hardlink", "char-device", "block-device", "fifo"],
)
def test_a_tar_member_that_is_no_plain_file_is_refused(member: tarfile.TarInfo, why: str, tmp_path: Path, into: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.addfile(member)
    with pytest.raises(DataError, match=why):
        unpack(archive, into)
    assert everything_below(into) == []


def test_a_symbolic_link_in_a_zip_is_refused(tmp_path: Path, into: Path) -> None:
    link = zipfile.ZipInfo("set/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="it is a link"):
        unpack(tmp_path / "a.zip", into)
    assert everything_below(into) == []


def test_an_encrypted_zip_is_refused(tmp_path: Path, into: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"set/a.wav": b"x"})
    data = bytearray(archive.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    archive.write_bytes(data)
    with pytest.raises(DataError, match="encrypted"):
        unpack(archive, into)


# --- bombs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [zipped, tarred])
def test_more_bytes_than_anyone_expects_are_refused(
    make: Callable[[Path, dict[str, bytes]], Path], tmp_path: Path, into: Path
) -> None:
    archive = make(tmp_path / "archive", {f"set/{i}": bytes(200_000) for i in range(8)})
    with pytest.raises(DataError, match="of 1048576 bytes, found more"):
        unpack(archive, into, max_bytes=1 << 20)


@pytest.mark.parametrize("make", [zipped, tarred])
def test_more_members_than_anyone_expects_are_refused(
    make: Callable[[Path, dict[str, bytes]], Path], tmp_path: Path, into: Path
) -> None:
    archive = make(tmp_path / "archive", {f"set/{i}": b"x" for i in range(11)})
    with pytest.raises(DataError, match="at most 10 files"):
        unpack(archive, into, max_members=10)


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["zip", "tar", "gz", "xz"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_an_archive_that_breaks_off_is_damaged_and_not_short(kind: str, share: float, tmp_path: Path, into: Path) -> None:
    members = {f"set/{i}/input.wav": bytes([i]) * 3000 for i in range(30)}
    archive = tmp_path / "archive"
    archive = zipped(archive, members) if kind == "zip" else tarred(archive, members, "w" if kind == "tar" else f"w:{kind}")
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * share) // 512 * 512 if kind == "tar" else int(len(data) * share)])
    with pytest.raises(DataError):
        unpack(archive, into)


def test_a_wrong_checksum_is_damage(tmp_path: Path, into: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("set/a", b"speech speech")
    archive.write_bytes(archive.read_bytes().replace(b"speech speech", b"speech spee_h"))
    with pytest.raises(DataError):
        unpack(archive, into)


@pytest.mark.parametrize("content", [b"", b"hello", gzip.compress(b"hello", mtime=0), lzma.compress(b"hello")])
def test_what_is_no_archive_is_told_so(content: bytes, tmp_path: Path, into: Path) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.zip"):
        unpack(tmp_path / "a.zip", into)


@pytest.mark.parametrize(
    "headers",
    [{"GNU.sparse.map": "0,x"}, {"path": "set/a\0b"}],
    ids=["sparse map", "name"],
)
def test_nonsense_in_a_header_is_an_error_of_the_archive(headers: dict[str, str], tmp_path: Path, into: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info("set/a", size=3, pax_headers=headers), io.BytesIO(b"abc"))
    with pytest.raises(DataError, match=r"a\.tar"):
        unpack(tmp_path / "a.tar", into)


def test_a_damaged_bzip2_is_no_error_of_the_disk(tmp_path: Path, into: Path) -> None:
    data = bytearray(tarred(tmp_path / "a.tar.bz2", {"set/a": bytes(range(256)) * 50}, "w:bz2").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "a.tar.bz2").write_bytes(data)
    with pytest.raises(DataError, match="damaged"):
        unpack(tmp_path / "a.tar.bz2", into)
