"""Where a model's weights are: a folder on disk, or a repository on the Hugging Face hub, pinned to a commit.

What is in the hub's local cache is used as it is, without asking the hub whether there is something newer: a run that is
taken up again must load what it began with. Only what is not there is fetched, by the hub's own client.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Final

from fdbench.adapter.base import Need
from fdbench.errors import AdapterError, MissingExtraError
from fdbench.io.files import digest_of, sha256_of_file

HASHED: Final = "sha256:"
"""How the revision of a folder begins; that of a repository is a commit's hash."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights that are here.

    Attributes:
        folder: Holds the files.
        revision: The commit of a repository; of a folder, ``sha256:`` and a hash of the files' names and content.
    """

    folder: Path
    revision: str


def is_folder(checkpoint: str) -> bool:
    """Whether a checkpoint is meant as a folder; ``organisation/name`` is a repository unless such a folder exists."""
    return Path(checkpoint).expanduser().is_dir() or checkpoint.startswith((".", "/", "~")) or checkpoint.count("/") != 1


def name_of(checkpoint: str) -> str:
    """What a manifest calls a checkpoint: a repository by its id, a folder by its name, without where it lies."""
    return Path(checkpoint).expanduser().resolve().name if is_folder(checkpoint) else checkpoint


def locate(checkpoint: str, revision: str | None, patterns: Sequence[str], optional: Sequence[str] = ()) -> Weights | None:
    """The weights, if they are on this machine; nothing is fetched.

    Args:
        checkpoint: A folder or the id of a repository.
        revision: A commit, branch or tag; None = the newest that was fetched. Means nothing for a folder.
        patterns: Names of files that must be there; one with a wildcard must match something.
        optional: Further files that belong to the weights where they are there.
    """
    if is_folder(checkpoint):
        folder = Path(checkpoint).expanduser()
        if lacking(folder, patterns):
            return None
        return Weights(folder, _content_of(folder, [*patterns, *optional]))
    try:
        return _snapshot(checkpoint, revision, patterns, optional, local_files_only=True)
    except (OSError, ValueError):  # not in the cache; the hub's own errors are of these two kinds
        return None


def fetch(
    checkpoint: str, revision: str | None, patterns: Sequence[str], optional: Sequence[str] = (), licence_url: str = ""
) -> Weights:
    """The weights, fetched from the hub where they are not on this machine. Arguments as of ``locate``.

    Raises:
        AdapterError: A folder lacks files, or the hub does not give them; says what to do.
    """
    found = locate(checkpoint, revision, patterns, optional)
    if found is not None:
        return found
    if is_folder(checkpoint):
        folder = Path(checkpoint).expanduser()
        what = f"lacks {', '.join(lacking(folder, patterns))}" if folder.is_dir() else "no such folder"
        raise AdapterError(f"checkpoint {checkpoint}: {what}", "name the checkpoint's folder, or a repository on the hub")
    with _told(checkpoint, licence_url):
        fetched = _snapshot(checkpoint, revision, patterns, optional, local_files_only=False)
    if fetched is None:
        raise AdapterError(f"{checkpoint}: the repository has no {', '.join(patterns)}", "is it a checkpoint of this model?")
    return fetched


def need_weights(checkpoint: str, revision: str | None, patterns: Sequence[str], licence_url: str = "") -> Need:
    """Whether the weights are here, and how to get them."""
    what = f"weights {name_of(checkpoint)}"
    if is_folder(checkpoint):
        folder = Path(checkpoint).expanduser()
        absent = lacking(folder, patterns)
        return Need(what, not absent, "in a folder" if not absent else f"{checkpoint} lacks {', '.join(absent)}")
    try:
        found = locate(checkpoint, revision, patterns)
    except MissingExtraError as error:
        return Need(what, False, error.remedy)
    if found is not None:
        return Need(what, True, f"commit {found.revision}")
    pinned = f" --revision {revision}" if revision else ""
    get = f"hf download {checkpoint}{pinned}"
    if licence_url:
        return Need(what, False, f"accept the licence at {licence_url}, then: hf auth login && {get}")
    return Need(what, False, f"{get} (if it is gated: accept the licence at {_page(checkpoint)}, and first: hf auth login)")


def _page(checkpoint: str) -> str:
    return f"https://huggingface.co/{checkpoint}"


def lacking(folder: Path, patterns: Sequence[str]) -> list[str]:
    """The patterns that match no file of a folder."""
    return [pattern for pattern in patterns if not any(folder.glob(pattern))]


def _content_of(folder: Path, patterns: Sequence[str]) -> str:
    hashes = {}
    for path in sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}):
        facts = path.stat()
        hashes[path.relative_to(folder).as_posix()] = _hash_of(path.resolve(), facts.st_size, facts.st_mtime_ns)
    return HASHED + digest_of(hashes)


@lru_cache(maxsize=64)
def _hash_of(path: Path, size: int, changed_ns: int) -> str:
    """Hash of a file; asked twice of the same unchanged file it is read once, for weights are large."""
    return sha256_of_file(path)


def _hub() -> Callable[..., str]:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingExtraError("huggingface-hub", "moshi", "a checkpoint on the Hugging Face hub") from None
    return snapshot_download


def _snapshot(
    checkpoint: str, revision: str | None, patterns: Sequence[str], optional: Sequence[str], *, local_files_only: bool
) -> Weights | None:
    wanted = [*patterns, *optional]
    folder = Path(_hub()(checkpoint, revision=revision, allow_patterns=wanted, local_files_only=local_files_only))
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*")]
    is_whole = all(any(fnmatch(name, pattern) for name in names) for pattern in patterns)
    return Weights(folder, folder.name) if is_whole else None


@contextmanager
def _told(checkpoint: str, licence_url: str) -> Iterator[None]:
    """The hub's errors in two lines that say what to do."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError:
        page = licence_url or _page(checkpoint)
        raise AdapterError(f"{checkpoint}: access is gated", f"accept the licence at {page}, then run: hf auth login") from None
    except errors.RepositoryNotFoundError:
        raise AdapterError(
            f"{checkpoint}: the hub has no such repository, or not for you",
            "check the name; a gated or private one also needs: hf auth login",
        ) from None
    except errors.RevisionNotFoundError:
        raise AdapterError(
            f"{checkpoint}: the hub has no such revision", "give a commit, or leave --arg revision out"
        ) from None
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
        raise AdapterError(
            f"{checkpoint}: cannot be fetched{offline}: {first}",
            f"fetch it where there is a network (hf download {checkpoint}) and name its folder: --arg checkpoint=DIR",
        ) from None
