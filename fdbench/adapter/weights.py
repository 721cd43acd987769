"""Where a model's weights are: a folder on disk, or a repository on the Hugging Face hub, pinned to a commit.

What is in the hub's local cache is used as it is, without asking the hub whether there is something newer: a run that is
taken up again must load what it began with. Only what is not there is fetched, by the hub's own client.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from fdbench.adapter.base import Need
from fdbench.errors import AdapterError, FdbenchError, MissingExtraError
from fdbench.io.files import digest_of, sha256_of_file

HASHED: Final = "sha256:"
"""How the revision of a folder begins; that of a repository is a commit's hash."""

Lacking = Callable[[Path], Sequence[str]]
"""Tells of a folder which files of a checkpoint it lacks."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which files make up a checkpoint.

    Attributes:
        files: Names that must be there; one with a wildcard must match something.
        optional: Further names that belong to it where they are there.
        lacking: What else a folder lacks, where only its content can tell.
    """

    files: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    lacking: Lacking | None = None

    def absent_from(self, folder: Path) -> list[str]:
        """What a folder lacks to be such a checkpoint."""
        absent = [name for name in self.files if not any(folder.glob(name))]
        if self.lacking is not None and not absent:
            absent += self.lacking(folder)
        return absent


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights that are here.

    Attributes:
        folder: Holds the files.
        revision: The commit of a repository; of a folder, ``sha256:`` and a hash of the files' names and content.
    """

    folder: Path
    revision: str


def split_revision(checkpoint: str, revision: str | None) -> tuple[str, str | None]:
    """``organisation/name@commit`` in its two parts; a revision that is given by itself counts more."""
    name, separator, pinned = checkpoint.rpartition("@")
    if separator and not Path(checkpoint).expanduser().exists() and not is_folder(name):
        return name, revision or pinned
    return checkpoint, revision


def is_folder(checkpoint: str) -> bool:
    """Whether a checkpoint is meant as a folder; ``organisation/name`` is a repository unless such a folder exists."""
    return Path(checkpoint).expanduser().is_dir() or checkpoint.startswith((".", "/", "~")) or checkpoint.count("/") != 1


def name_of(checkpoint: str) -> str:
    """What a manifest calls a checkpoint: a repository by its id, a folder by its name, without where it lies."""
    checkpoint, _ = split_revision(checkpoint, None)
    return Path(checkpoint).expanduser().resolve().name if is_folder(checkpoint) else checkpoint


def locate(checkpoint: str, revision: str | None, wanted: Wanted) -> Weights | None:
    """The weights, if all of them are on this machine; nothing is fetched.

    Args:
        checkpoint: A folder, or the id of a repository, which may end in ``@REVISION``.
        revision: A commit, branch or tag; None = the newest that was fetched. Means nothing for a folder.
    """
    checkpoint, revision = split_revision(checkpoint, revision)
    if is_folder(checkpoint):
        folder = Path(checkpoint).expanduser()
        if not folder.is_dir() or wanted.absent_from(folder):
            return None
        return Weights(folder, _content_of(folder, [*wanted.files, *wanted.optional]))
    try:
        folder = _snapshot(checkpoint, revision, wanted, local_files_only=True)
    except (OSError, ValueError):  # not in the cache; the hub's own errors are of these two kinds
        return None
    # Of a download that broke off, the hub's client shows what came.
    return None if wanted.absent_from(folder) else Weights(folder, folder.name)


def fetch(checkpoint: str, revision: str | None, wanted: Wanted, licence_url: str = "") -> Weights:
    """The weights, fetched from the hub where they, or some of them, are not on this machine. Arguments as of ``locate``.

    Raises:
        AdapterError: A folder lacks files, or the hub does not give them; says what to do.
    """
    found = locate(checkpoint, revision, wanted)
    if found is not None:
        return found
    checkpoint, revision = split_revision(checkpoint, revision)
    if is_folder(checkpoint):
        folder = Path(checkpoint).expanduser()
        what = f"lacks {', '.join(wanted.absent_from(folder))}" if folder.is_dir() else "no such folder"
        raise AdapterError(f"checkpoint {checkpoint}: {what}", "name the checkpoint's folder, or a repository on the hub")
    with _hub_errors_explained(checkpoint, revision, licence_url):
        folder = _snapshot(checkpoint, revision, wanted, local_files_only=False)
    absent = wanted.absent_from(folder)
    if absent:
        raise AdapterError(f"{checkpoint}: the repository has no {', '.join(absent)}", "is it a checkpoint of this model?")
    return Weights(folder, folder.name)


def need_weights(checkpoint: str, revision: str | None, wanted: Wanted, licence_url: str = "") -> Need:
    """Whether the weights are here, and how to get them."""
    what = f"weights {name_of(checkpoint)}"
    checkpoint, revision = split_revision(checkpoint, revision)
    try:
        if is_folder(checkpoint):
            folder = Path(checkpoint).expanduser()
            absent = wanted.absent_from(folder) if folder.is_dir() else ["everything: there is no such folder"]
            return Need(what, not absent, "in a folder" if not absent else f"{checkpoint} lacks {', '.join(absent)}")
        found = locate(checkpoint, revision, wanted)
    except MissingExtraError as error:
        return Need(what, False, error.remedy)
    except FdbenchError as error:
        return Need(what, False, error.what)
    if found is not None:
        return Need(what, True, f"commit {found.revision}")
    get = f"hf download {checkpoint}" + (f" --revision {revision}" if revision else "")
    if licence_url:
        return Need(what, False, f"accept the licence at {licence_url}, then: hf auth login && {get}")
    return Need(what, False, f"{get} (if it is gated: accept the licence at {_page(checkpoint)}, and first: hf auth login)")


def hash_of_files(files: Mapping[str, Path | str]) -> str:
    """A revision for files by what they are for; a text stands for itself."""
    return HASHED + digest_of({name: _hash_of(each) if isinstance(each, Path) else each for name, each in files.items()})


def _content_of(folder: Path, patterns: Sequence[str]) -> str:
    paths = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    return hash_of_files({path.relative_to(folder).as_posix(): path for path in paths})


def _hash_of(path: Path) -> str:
    facts = path.stat()
    return _hash_of_unchanged(path.resolve(), facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=64)
def _hash_of_unchanged(path: Path, size: int, changed_ns: int) -> str:
    """Hash of a file; asked twice of the same unchanged file it is read once, for weights are large."""
    return sha256_of_file(path)


def _page(checkpoint: str) -> str:
    return f"https://huggingface.co/{checkpoint}"


def _snapshot(checkpoint: str, revision: str | None, wanted: Wanted, *, local_files_only: bool) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingExtraError("huggingface-hub", "moshi", "a checkpoint on the Hugging Face hub") from None
    names = [*wanted.files, *wanted.optional]
    return Path(snapshot_download(checkpoint, revision=revision, allow_patterns=names, local_files_only=local_files_only))


@contextmanager
def _hub_errors_explained(checkpoint: str, revision: str | None, licence_url: str) -> Iterator[None]:
    """The hub's errors in two lines that say what to do."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError:
        page = licence_url or _page(checkpoint)
        raise AdapterError(f"{checkpoint}: access is gated", f"accept the licence at {page}, then run: hf auth login") from None
    except errors.RepositoryNotFoundError:
        raise AdapterError(
            f"{checkpoint}: the hub has no such repository, or not for you, and there is no folder of that name here",
            "check the name; a gated or private repository also needs: hf auth login",
        ) from None
    except errors.RevisionNotFoundError:
        raise AdapterError(f"{checkpoint}: the hub has no revision {revision}", "give a commit or branch that it has") from None
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
        raise AdapterError(
            f"{checkpoint}: there is no folder of that name, and it cannot be fetched{offline}: {first}",
            f"fetch it where there is a network (hf download {checkpoint}) and name its folder: --arg checkpoint=DIR",
        ) from None
