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

from fdbench.io.files import sha256_of
from fdbench.io.unpack import DamagedArchiveError, UnpackLimits, UnsafeArchiveError, unpack

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
def test_each_kind_is_told_by_its_content_and_every_file_is_hashed(
    make: Callable[[Path], Path], tmp_path: Path, into: Path
) -> None:
    digests = unpack(make(tmp_path / "archive"), into)
    assert everything_below(into) == sorted(TREE)
    assert digests == {name: sha256_of(data) for name, data in TREE.items()}
    assert (into / "set/2/input.wav").read_bytes() == b"RIFX"


def test_what_a_mac_adds_is_left_out(tmp_path: Path, into: Path) -> None:
    junk = {"__MACOSX/set/._input.wav": b"x", "set/.DS_Store": b"x", "set/1/._input.wav": b"x"}
    assert unpack(zipped(tmp_path / "a.zip", {**TREE, **junk}), into).keys() == TREE.keys()
    assert everything_below(into) == sorted(TREE)


def test_an_archive_inside_is_a_file_like_any_other(tmp_path: Path, into: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"../escape": b"x"}).read_bytes()
    unpack(zipped(tmp_path / "a.zip", {"set/1/inner.zip": inner}), into)
    assert everything_below(into) == ["set/1/inner.zip"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/etc/evil", "an absolute path"),
        ("../evil", "leads out of the folder"),
        ("set/../../evil", "leads out of the folder"),
        ("C:evil", "a drive letter"),
        ("set\\..\\evil", "a drive letter or backslash"),
        ("set/ev\nil", "control characters"),
        ("set/" + "e" * 256, "more than 255 bytes"),
    ],
)
@pytest.mark.parametrize("make", [zipped, tarred])
def test_a_name_that_leads_elsewhere_is_refused(
    make: Callable[[Path, dict[str, bytes]], Path], name: str, why: str, tmp_path: Path, into: Path
) -> None:
    archive = make(tmp_path / "archive", {name: b"evil"})
    with pytest.raises(UnsafeArchiveError, match=why):
        unpack(archive, into)
    assert everything_below(tmp_path) == ["archive"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("set/a.wav", "set/a.wav"),
        ("set/a", "set/a/b.wav"),
    ],
    ids=["twice", "file-and-folder"],
)
def test_names_that_collide_are_refused(first: str, second: str, tmp_path: Path, into: Path) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as packed:
        for name in (first, second):
            packed.addfile(info(name, size=1), io.BytesIO(b"x"))
    with pytest.raises(UnsafeArchiveError, match="collides with"):
        unpack(archive, into)


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (info("set/link", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "a symbolic link"),
        (info("set/link", type=tarfile.LNKTYPE, linkname="../../evil"), "a hard link"),
        (info("set/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3), "a device"),
        (info("set/disk", type=tarfile.BLKTYPE), "a device"),
        (info("set/pipe", type=tarfile.FIFOTYPE), "a pipe"),
    ],
    ids=["symlink", "hardlink", "char-device", "block-device", "fifo"],
)
def test_a_tar_member_that_is_no_plain_file_is_refused(member: tarfile.TarInfo, why: str, tmp_path: Path, into: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.addfile(member)
    with pytest.raises(UnsafeArchiveError, match=why):
        unpack(archive, into)
    assert everything_below(into) == []


def test_a_symbolic_link_in_a_zip_is_refused(tmp_path: Path, into: Path) -> None:
    link = zipfile.ZipInfo("set/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(UnsafeArchiveError, match="a symbolic link"):
        unpack(tmp_path / "a.zip", into)
    assert everything_below(into) == []


def test_a_zip_name_in_an_unknown_encoding_is_refused(tmp_path: Path, into: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"set/XX.wav": b"x"})
    archive.write_bytes(archive.read_bytes().replace(b"XX", b"\x82\xff"))
    with pytest.raises(UnsafeArchiveError, match="does not say its encoding"):
        unpack(archive, into)


def test_a_tar_name_that_is_no_utf8_is_refused(tmp_path: Path, into: Path) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w", encoding="latin-1", format=tarfile.USTAR_FORMAT) as packed:
        packed.addfile(info("set/\u00e9.wav", size=1), io.BytesIO(b"x"))
    with pytest.raises(UnsafeArchiveError, match="not UTF-8"):
        unpack(archive, into)


def test_an_encrypted_zip_is_refused(tmp_path: Path, into: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"set/a.wav": b"x"})
    data = bytearray(archive.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    archive.write_bytes(data)
    with pytest.raises(UnsafeArchiveError, match="encrypted"):
        unpack(archive, into)


# --- bombs ------------------------------------------------------------------------------------------------------------

SMALL = UnpackLimits(max_files=10, max_bytes=1 << 20, max_ratio=20, ratio_from_bytes=1 << 16)


@pytest.mark.parametrize("mode", ["zip", "w:gz", "w:xz"])
def test_many_bytes_from_few_are_refused(mode: str, tmp_path: Path, into: Path) -> None:
    members = {"set/zeros": bytes(1 << 19)}
    archive = tmp_path / "archive"
    archive = zipped(archive, members) if mode == "zip" else tarred(archive, members, mode)
    with pytest.raises(UnsafeArchiveError, match="20 times as many"):
        unpack(archive, into, SMALL)


@pytest.mark.parametrize("make", [zipped, tarred])
def test_more_bytes_than_anyone_expects_are_refused(
    make: Callable[[Path, dict[str, bytes]], Path], tmp_path: Path, into: Path
) -> None:
    archive = make(tmp_path / "archive", {f"set/{i}": bytes(200_000) for i in range(8)})
    with pytest.raises(UnsafeArchiveError, match="unpacks to more than 1048576 bytes"):
        unpack(archive, into, UnpackLimits(max_bytes=1 << 20))


@pytest.mark.parametrize("make", [zipped, tarred])
def test_more_members_than_anyone_expects_are_refused(
    make: Callable[[Path, dict[str, bytes]], Path], tmp_path: Path, into: Path
) -> None:
    archive = make(tmp_path / "archive", {f"set/{i}": b"x" for i in range(11)})
    with pytest.raises(UnsafeArchiveError, match="at most 10 members"):
        unpack(archive, into, SMALL)


def test_a_bomb_of_headers_is_refused_too(tmp_path: Path, into: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    with tarfile.open(archive, "w:gz", format=tarfile.PAX_FORMAT) as packed:
        packed.addfile(info("set/a", size=0, pax_headers={"comment": "x" * (1 << 21)}))
    with pytest.raises(UnsafeArchiveError, match="times as many"):
        unpack(archive, into, SMALL)


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["zip", "tar", "gz", "xz"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_an_archive_that_breaks_off_is_damaged_and_not_short(kind: str, share: float, tmp_path: Path, into: Path) -> None:
    members = {f"set/{i}/input.wav": bytes([i]) * 3000 for i in range(30)}
    archive = tmp_path / "archive"
    archive = zipped(archive, members) if kind == "zip" else tarred(archive, members, "w" if kind == "tar" else f"w:{kind}")
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * share) // 512 * 512 if kind == "tar" else int(len(data) * share)])
    with pytest.raises(DamagedArchiveError):
        unpack(archive, into)


def test_a_wrong_checksum_is_damage(tmp_path: Path, into: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("set/a", b"speech speech")
    archive.write_bytes(archive.read_bytes().replace(b"speech speech", b"speech spee_h"))
    with pytest.raises(DamagedArchiveError):
        unpack(archive, into)


@pytest.mark.parametrize("content", [b"", b"hello", gzip.compress(b"hello", mtime=0), lzma.compress(b"hello")])
def test_what_is_no_archive_is_told_so(content: bytes, tmp_path: Path, into: Path) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DamagedArchiveError, match=r"a\.zip"):
        unpack(tmp_path / "a.zip", into)
