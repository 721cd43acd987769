"""Hostile inputs for the command line: nothing may end in a traceback, hang, print what acts on a terminal, or give a number.

    python tools/fuzz.py --n 1000 --seed 0 [--workers 2] [--only audio,given,pair,run,results,yaml,archive,judge,server]

Each case takes a small sound input, damages one thing in it and runs a command of ``fdbench`` over it, in a worker process that
is ended when it takes too long. A case is known by the seed and its number, and is made again with ``--case NUMBER``. Reported:

==========  ==================================================================================================
traceback   an error that is none of fdbench's two lines
hang        the command had not ended after ``LIMIT_S``
silent      a value was made impossible, and the command said that all was well (status 0)
unnamed     an error was told, and nothing in the message names the file, or the sample it belongs to
acts        an escape sequence or a mark of direction reached the output raw
==========  ==================================================================================================
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import random
import shutil
import sys
import tarfile
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import soundfile

LIMIT_S = 30.0
UNSHOWN = ("audio", "annotations", "verdicts")
RATE = 16_000
ACTING = ("\x1b", "\x9b", "\u202e", "\u2066")
IMPOSSIBLE = ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400, "-1e300", '"NaN"', "[]"]
"""Texts of JSON values which no number in our files can have."""
ODD = [r'"\u001b[2J"', r'"\u202eabc"', r'"\ud800"', r'"a\nfdbench: done"', "null", "{}", "true", '"3"', "-1", "7.5", '"../x"']
YAML = ['"3"', ".nan", ".inf", "-1", "[1]", "{a: 1}", "&x [*x]", "yes", "1" + "0" * 400, "[" * 5000, r'"\e[2J"', "2026-02-31"]
MEMBERS = ["../out", "/fdbench-fuzz", "a\x1b[2J", "x" * 300, "a/../../b", "candor_turn_taking"]
SET = "candor_turn_taking"
FREE = ("silence_ms", "min_speech_ms", "yield_ms")
"""Arguments of an adapter, of which nobody but the adapter knows what they may be."""


@dataclass(frozen=True)
class Case:
    """A command over a damaged input.

    Attributes:
        names: Any of these in a message names what is wrong.
        is_impossible: Whether a number was made one that cannot be.
    """

    arguments: Sequence[str]
    damage: str
    names: Sequence[str]
    is_impossible: bool = False
    yaml: str | None = None
    answer: str | None = None


def make_base(base: Path) -> None:
    """The sound inputs: a run, results for a leaderboard, folders of given recordings and of pairs of them, an archive."""
    command = ["run", "--model", "vad-endpointer", "--tasks", "mini/turn_taking", "--limit", "2", "--workers", "1"]
    status, _, err = run_main([*command, "--asr", "sphinx", "--protocol", "fdbench", "--out", str(base / "results")])
    if status:
        raise SystemExit(f"the sound run failed: {err}")
    (run,) = base.glob("results/vad*")
    for number, prompt in enumerate(sorted(run.glob("audio/**/*.user.flac"))):
        clip = base / "given" / str(number)
        clip.mkdir(parents=True)
        for name, source in (("input", prompt), ("output", Path(str(prompt).replace(".user.", ".model.")))):
            samples, rate = soundfile.read(source, dtype="float32")
            soundfile.write(clip / f"{name}.wav", samples, rate)
        (clip / "turn_taking.json").write_text('[{"text": "[TURN]", "timestamp": [2.0, 2.2]}]')
        words = [{"text": "yes", "timestamp": [3.0, 3.3]}]
        (clip / "output.json").write_text(json.dumps({"text": "yes", "chunks": words}))
        make_pair(base / "pairs" / str(number), clip)
    (base / "mirror").mkdir()
    with tarfile.open(base / "mirror" / f"{SET}.tar.gz", "w:gz") as archive:
        archive.add(base / "given", SET)


def make_pair(pair: Path, clip: Path) -> None:
    """The clip as its own clean twin, with all that can be given of both."""
    pair.mkdir(parents=True)
    words = [
        {"text": text, "timestamp": [at, at + 0.3]} for text, at in (("it", 2.5), ("is", 2.9), ("tall", 5.2), ("yes", 5.6))
    ]
    for twin in ("", "clean_"):
        for side in ("input", "output"):
            shutil.copy(clip / f"{side}.wav", pair / f"{twin}{side}.wav")
            (pair / f"{twin}{side}.json").write_text(json.dumps({"text": "it is tall yes", "chunks": words}))
            segments = [{"start": 2.4, "end": 3.4}, {"start": 5.2, "end": 6.0}]
            (pair / f"{twin}{side}.vad.json").write_text(json.dumps({"segments": segments}))
    (pair / "behavior.json").write_text('{"behaviour": ["C_RESPOND"]}')
    (pair / "metadata.json").write_text('{"context_text": "a", "current_turn_text": "b", "timestamps": [3.0, 4.8]}')


def _pair(rng: random.Random, base: Path, work: Path) -> Case:
    shutil.copytree(base / "pairs", work / "pairs")
    path = rng.choice([each for each in sorted(work.glob("pairs/*/*")) if each.suffix == ".json"])
    damage, is_impossible = _damage_json(rng, path)
    given = ["--vad", "given", "--asr", "given", "--judge", "given", "--workers", "1"]
    command = ["score", str(work / "pairs"), "--task", "v1.5/user_interruption", *given]
    # Where the label is given, nobody needs the user's words, nor the user's speech in the twin.
    is_impossible = is_impossible and path.name not in ("input.json", "clean_input.json", "clean_input.vad.json")
    return Case(command, f"{path.name}: {damage}", [path.name, f"{path.parent.name}/", f" {path.parent.name}:"], is_impossible)


def _scored(work: Path, path: Path, damage: str, is_impossible: bool) -> Case:
    """A folder of recordings made elsewhere, scored with a damaged file in it."""
    command = ["score", str(work / "given"), "--task", "v1/turn_taking.candor", "--asr", "given", "--workers", "1"]
    return Case(command, f"{path.name}: {damage}", [path.name, f"{path.parent.name}/", f" {path.parent.name}:"], is_impossible)


def _audio(rng: random.Random, base: Path, work: Path) -> Case:
    shutil.copytree(base / "given", work / "given")
    path = rng.choice(sorted(work.glob("given/*/output.wav")))
    samples = soundfile.read(path, dtype="float32")[0]
    writes: dict[str, Callable[[], object]] = {
        "NaN": lambda: soundfile.write(path, np.where(samples == samples[9], np.nan, samples), RATE, subtype="FLOAT"),
        "as integers": lambda: soundfile.write(path, samples * 32768, RATE, subtype="FLOAT"),
        "infinite": lambda: soundfile.write(path, np.full(RATE, np.inf, np.float32), RATE, subtype="FLOAT"),
        "stereo": lambda: soundfile.write(path, np.stack([samples, samples], 1), RATE),
        "1 Hz": lambda: soundfile.write(path, samples, 1),
        "no samples": lambda: soundfile.write(path, samples[:0], RATE),
        "other bytes": lambda: path.write_bytes(_damaged_bytes(rng, path.read_bytes())),
        "gone": path.unlink,
    }
    what = rng.choice(sorted(writes))
    writes[what]()
    impossible = what in ("NaN", "infinite", "no samples", "as integers", "1 Hz")
    return _scored(work, path, what, impossible)


def _given(rng: random.Random, base: Path, work: Path) -> Case:
    shutil.copytree(base / "given", work / "given")
    path = rng.choice([*work.glob("given/*/output.json"), *work.glob("given/*/turn_taking.json")])
    damage, is_impossible = _damage_json(rng, path)
    # Of a turn's end only the first time is read, as by the published scripts.
    return _scored(work, path, damage, is_impossible and not damage.startswith("1 = 2.2"))


def _run(rng: random.Random, base: Path, work: Path) -> Case:
    (source,) = base.glob("results/vad*")
    run = work / source.name
    shutil.copytree(source, run)
    files = sorted(path for path in run.rglob("*") if path.is_file() and path.name not in (".lock", "attempts.jsonl"))
    path = rng.choice(files)
    damage, impossible = _damage_file(rng, path, work)
    command = rng.choice(["show", "verify", "score"])
    arguments = {
        "show": ["show", str(run)],
        "verify": ["verify", str(run), "--annotations", "stored", "--workers", "1"],
        "score": ["score", str(run), "--asr", "sphinx", "--protocol", "fdbench", "--workers", "1"],
    }[command]
    # Scoring makes scores anew and hears again what cannot be read; what is shown of a call is how it ended.
    rewritten = command == "score" and path.parent.parent.name in ("scores", "annotations")
    unread = command == "show" and (path.name == "samples.jsonl" or path.relative_to(run).parts[0] in UNSHOWN)
    is_impossible = impossible and not rewritten and not unread and "annotations" not in path.parts
    names = [path.name, path.stem.split("@")[0]]
    return Case(arguments, f"{path.relative_to(run)}: {damage}", names, is_impossible)


def _results(rng: random.Random, base: Path, work: Path) -> Case:
    shutil.copytree(base / "results", work / "results")
    path = rng.choice([*work.glob("results/*/manifest.json"), *work.glob("results/*/scores/*/summary.json")])
    damage, impossible = _damage_json(rng, path)
    is_free = damage.split(" = ")[0] in FREE
    out = ["leaderboard", "--results", str(work / "results"), "--out", str(work / "L.md")]
    return Case(out, f"{path.name}: {damage}", [path.name], impossible and not is_free)


def _yaml(rng: random.Random, base: Path, work: Path) -> Case:
    key = rng.choice(["lead_in_s", "kind", "arguments", "summary", "adapter", "tells_truth", "nothing"])
    value = rng.choice(YAML)
    text = f"m:\n  adapter: baselines:Silence\n  {key}: {value}\n"
    damage = f"models.yaml: {key}: {value[:20]}"
    return Case(["list", "models"], damage, ["models.yaml"], key == "lead_in_s", yaml=text)


def _archive(rng: random.Random, base: Path, work: Path) -> Case:
    (work / "mirror").mkdir()
    path, source = work / "mirror" / f"{SET}.tar.gz", base / "mirror" / f"{SET}.tar.gz"
    what = rng.choice(["bytes", "name", "link", "size"])
    if what == "bytes":
        path.write_bytes(_damaged_bytes(rng, source.read_bytes()))
    else:
        member = tarfile.TarInfo(rng.choice(MEMBERS))
        if what == "link":
            member.type, member.linkname = rng.choice([tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE]), "/etc/passwd"
        if what == "size":
            size = rng.choice(["99999999999999", "-1", "x"])
            member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "size": size}
        with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
            archive.addfile(member)
    arguments = ["data", "download", SET, "--data", str(work / "data"), "--mirror", str(work / "mirror")]
    return Case(arguments, f"archive: {what}", [SET])


def _judge(rng: random.Random, base: Path, work: Path) -> Case:
    value = rng.choice([*IMPOSSIBLE, *ODD])
    answers = [f'{{"analysis": "x", "rating": {value}}}', f'{{"analysis": {value}, "rating": 3}}', "[" * 50_000, value, ""]
    return Case([], f"answer of a judge: rating {value[:20]}", [], answer=rng.choice(answers))


MAKERS = {each.__name__[1:]: each for each in (_audio, _given, _pair, _run, _results, _yaml, _archive, _judge)}
SERVER = "server"
KINDS = (*MAKERS, SERVER)


def _damage_file(rng: random.Random, path: Path, work: Path) -> tuple[str, bool]:
    what = rng.choice(["content"] * 6 + ["gone", "folder", "link", "swapped"])
    if what == "content":
        if path.suffix in (".json", ".jsonl"):
            return _damage_json(rng, path)
        path.write_bytes(_damaged_bytes(rng, path.read_bytes()))
    elif what == "swapped":
        other = rng.choice(sorted(path.parent.glob(f"*{path.suffix}")))
        path.write_bytes(other.read_bytes())
    elif what == "link":
        path.replace(work / "elsewhere")
        path.symlink_to(work / "elsewhere")
    else:
        path.unlink()
        if what == "folder":
            path.mkdir()
    return what, False


def _damage_json(rng: random.Random, path: Path) -> tuple[str, bool]:
    """Replace one value of a JSON file (of the first line, where it has many), or damage its text."""
    text = path.read_text()
    first, rest = (text.partition("\n")[::2]) if path.suffix == ".jsonl" else (text, "")
    how = rng.choice(["impossible"] * 4 + ["odd"] * 4 + ["removed", "bytes", "deep"])
    if how == "bytes":
        path.write_bytes(_damaged_bytes(rng, path.read_bytes()))
        return how, False
    value = json.loads(first)
    places = list(_places(value))
    numbers = [place for place in places if type(place[0][place[1]]) in (int, float)]
    node, key = rng.choice(numbers if how == "impossible" and numbers else places)
    where = f"{key} = {json.dumps(node[key])[:20]}"
    is_number = type(node[key]) in (int, float)
    new = rng.choice(IMPOSSIBLE if how == "impossible" else ODD) if how != "deep" else "[" * 3000 + "]" * 3000
    if how == "removed":
        del node[key]
        new = "null"
    else:
        node[key] = "@@"
    path.write_text(json.dumps(value).replace('"@@"', new) + ("\n" + rest if path.suffix == ".jsonl" else ""))
    return f"{where} -> {how} {new[:20]}", how == "impossible" and is_number


def _places(value: object) -> Iterator[tuple[dict | list, str | int]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield value, key
        yield from _places(each)


def _damaged_bytes(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data)) if data else 0
    flipped = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
    return rng.choice([b"", data[:at], flipped, b"\xef\xbb\xbf" + data, b"\xff\xfe" + data, rng.randbytes(99)])


def run_main(arguments: Sequence[str]) -> tuple[int, str, str]:
    """Run the command line in this process: status, output, messages; -1 and a traceback where it raised."""
    from fdbench.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(list(arguments))
        except SystemExit as end:
            status = int(end.code or 0)
        except Exception:  # noqa: BLE001 - which is what is looked for
            return -1, out.getvalue(), traceback.format_exc()
    return status, out.getvalue(), err.getvalue()


def verdict_on(case: Case) -> tuple[str, str]:
    """What came of a case: the kind of fault, or nothing, and a line about it."""
    if case.answer is not None:
        from fdbench.judge.rating_text import read_rating

        try:
            read = read_rating(case.answer, "what was said")
        except Exception:  # noqa: BLE001
            return "traceback", traceback.format_exc().strip().splitlines()[-1]
        rating = getattr(read, "rating", None)
        return ("silent", f"rating {rating}") if rating not in (None, 0, 1, 2, 3, 4, 5) else ("", "")
    text = case.yaml
    if text is not None:
        from fdbench.adapter import load

        real = load.parse_models
        with mock.patch.object(load, "parse_models", lambda _, name: real(text, name)):
            status, out, err = run_main(case.arguments)
    else:
        status, out, err = run_main(case.arguments)
    if status == -1:
        return "traceback", " <- ".join(line.strip() for line in err.strip().splitlines()[-1:-4:-1])
    if any(each in out + err for each in ACTING):
        return "acts", repr((out + err)[:200])
    if status == 0 and case.is_impossible:
        return "silent", out.strip().replace("\n", " / ")[-200:]
    if status in (2, 3) and not any(name in out + err for name in case.names):
        return "unnamed", (err or out).strip()[:200]
    return "", ""


def examine(base: Path, seed: int, kind: str, number: int) -> tuple[str, str, str]:
    """Make a case and run it: what was damaged, and what came of it."""
    if kind == SERVER:
        from fuzz_servers import examine_server

        return examine_server(f"{seed}-{number}")
    with tempfile.TemporaryDirectory(prefix="fdbench-fuzz-") as work:
        case = MAKERS[kind](random.Random(f"{seed}-{number}"), base, Path(work))
        return (f"{' '.join(case.arguments[:1])} {case.damage}", *verdict_on(case))


class Watch(threading.local):
    """Runs cases in a process of its own, which is ended with a case that takes too long, or that ended the process."""

    pool = None

    def __call__(self, base: Path, seed: int, kind: str, number: int) -> tuple[int, str, str, str]:
        limit_s = LIMIT_S if self.pool else 2 * LIMIT_S
        self.pool = self.pool or multiprocessing.get_context("spawn").Pool(1)
        try:
            return (number, *self.pool.apply_async(examine, (base, seed, kind, number)).get(limit_s))
        except multiprocessing.TimeoutError:
            self.pool.terminate()
            self.pool = None
            return number, kind, "hang", f"no answer after {limit_s:g} s"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="this one alone")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default=",".join(KINDS), help="kinds of inputs, with commas")
    options = parser.parse_args()
    kinds, counts, started = options.only.split(","), Counter[str](), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fdbench-fuzz-base-") as base, ThreadPoolExecutor(options.workers) as threads:
        make_base(Path(base))
        numbers = range(options.n) if options.case is None else [options.case]
        watch = Watch()
        jobs = [threads.submit(watch, Path(base), options.seed, kinds[number % len(kinds)], number) for number in numbers]
        for job in as_completed(jobs):
            number, damage, fault, line = job.result()
            counts[fault or "well"] += 1
            if fault:
                print(f"{number:5} {fault:9} {damage!a}: {ascii(line)[:300]}", flush=True)
    print(f"{time.monotonic() - started:.0f} s: {dict(counts)}")
    return 1 if set(counts) - {"well"} else 0


if __name__ == "__main__":
    sys.exit(main())
