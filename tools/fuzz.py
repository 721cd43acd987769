"""Hostile inputs for the command line: nothing may end in a traceback, hang, print what acts on a terminal, or give a number.

    python tools/fuzz.py --n 1000 --seed 0 [--workers 2] [--only audio,given,run,results,yaml,archive,judge]

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
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from unittest import mock

import numpy as np
import soundfile

LIMIT_S = 30.0
RATE = 16_000
ACTING = ("\x1b", "\x9b", "\u202e", "\u2066")
IMPOSSIBLE = ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400, "-1e300", '"NaN"', "[]"]
"""Texts of JSON values which no number in our files can have."""
ODD = [
    '"\\u001b[2J"',
    '"\\u202eabc"',
    '"\\ud800"',
    '"a\\nfdbench: done"',
    "null",
    "{}",
    "true",
    '"3"',
    "-1",
    "7.5",
    '"../../x"',
    '"/etc/x"',
]
SET = "candor_turn_taking"
KINDS = ("audio", "given", "run", "results", "yaml", "archive", "judge")


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
    """The sound inputs: a run, results for a leaderboard, a folder of given recordings, an archive."""
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
    (base / "mirror").mkdir()
    with tarfile.open(base / "mirror" / f"{SET}.tar.gz", "w:gz") as archive:
        archive.add(base / "given", SET)


def make_case(kind: str, rng: random.Random, base: Path, work: Path) -> Case:
    """Copy a sound input into ``work`` and damage it."""
    return {
        "audio": _audio, "given": _given, "run": _run, "results": _results, "yaml": _yaml, "archive": _archive, "judge": _judge,
    }[kind](rng, base, work)  # fmt: skip


def _score_given(work: Path) -> list[str]:
    return ["score", str(work / "given"), "--task", "v1/turn_taking.candor", "--workers", "1"]


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
    return Case(
        [*_score_given(work), "--asr", "given"], f"{path.name}: {what}", [path.parent.name + "/", path.name], impossible
    )


def _given(rng: random.Random, base: Path, work: Path) -> Case:
    shutil.copytree(base / "given", work / "given")
    path = rng.choice([*work.glob("given/*/output.json"), *work.glob("given/*/turn_taking.json")])
    damage, impossible = _damage_json(rng, path)
    return Case(
        [*_score_given(work), "--asr", "given"], f"{path.name}: {damage}", [path.name, f" {path.parent.name}:"], impossible
    )


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
    unread = command == "show" and path.parts[len(run.parts)] in ("audio", "annotations", "verdicts")
    is_impossible = impossible and not rewritten and not unread and "annotations" not in path.parts
    return Case(
        arguments, f"{path.relative_to(run)}: {damage}", [path.name, path.stem.split("@")[0], "attempts"], is_impossible
    )


def _results(rng: random.Random, base: Path, work: Path) -> Case:
    shutil.copytree(base / "results", work / "results")
    path = rng.choice([*work.glob("results/*/manifest.json"), *work.glob("results/*/scores/*/summary.json")])
    damage, impossible = _damage_json(rng, path)
    out = ["leaderboard", "--results", str(work / "results"), "--out", str(work / "L.md")]
    return Case(out, f"{path.name}: {damage}", [path.name], impossible)


def _yaml(rng: random.Random, base: Path, work: Path) -> Case:
    values = [
        '"3"',
        ".nan",
        ".inf",
        "-1",
        "[1]",
        "{a: 1}",
        "&x [*x]",
        "yes",
        "1e999",
        "1" + "0" * 400,
        "[" * 5000,
        "\t",
        '"\\e[2J"',
        "~",
        "2026-02-31",
    ]
    key, value = (
        rng.choice(["lead_in_s", "kind", "arguments", "summary", "adapter", "tells_truth", "nothing"]),
        rng.choice(values),
    )
    text = f"m:\n  adapter: baselines:Silence\n  {key}: {value}\n"
    return Case(
        ["list", "models"], f"models.yaml: {key}: {value[:20]}", ["models.yaml"], key == "lead_in_s" and value != "~", yaml=text
    )


def _archive(rng: random.Random, base: Path, work: Path) -> Case:
    (work / "mirror").mkdir()
    path, source = work / "mirror" / f"{SET}.tar.gz", base / "mirror" / f"{SET}.tar.gz"
    what = rng.choice(["bytes", "name", "link", "size"])
    if what == "bytes":
        path.write_bytes(_damaged_bytes(rng, source.read_bytes()))
    else:
        member = tarfile.TarInfo(rng.choice(["../out", "/tmp/fdbench-fuzz", "a\x1b[2J", "x" * 300, "a/../../b", SET]))
        if what == "link":
            member.type, member.linkname = rng.choice([tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE]), "/etc/passwd"
        if what == "size":
            member.pax_headers = {
                "GNU.sparse.major": "1",
                "GNU.sparse.minor": "0",
                "size": rng.choice(["99999999999999", "-1", "x"]),
            }
        with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
            archive.addfile(member)
    arguments = ["data", "download", SET, "--data", str(work / "data"), "--mirror", str(work / "mirror")]
    return Case(arguments, f"archive: {what}", [SET])


def _judge(rng: random.Random, base: Path, work: Path) -> Case:
    value = rng.choice([*IMPOSSIBLE, *ODD])
    answers = [f'{{"analysis": "x", "rating": {value}}}', f'{{"analysis": {value}, "rating": 3}}', "[" * 50_000, value, ""]
    return Case([], f"answer of a judge: rating {value[:20]}", [], answer=rng.choice(answers))


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
    kinds = [
        b"",
        data[:at],
        data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :],
        b"\xef\xbb\xbf" + data,
        b"\xff\xfe" + data,
        rng.randbytes(99),
    ]
    return rng.choice(kinds)


def run_main(arguments: Sequence[str]) -> tuple[int, str, str]:
    """Run the command line in this process: status, output, messages; -1 and a traceback where it raised."""
    from fdbench.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(list(arguments))
        except SystemExit as end:
            status = int(end.code or 0)
        except BaseException:
            return -1, out.getvalue(), traceback.format_exc()
    return status, out.getvalue(), err.getvalue()


def verdict_on(case: Case) -> tuple[str, str]:
    """What came of a case: the kind of fault, or nothing, and a line about it."""
    if case.answer is not None:
        from fdbench.judge.rating_text import read_rating

        try:
            read = read_rating(case.answer, "what was said")
        except Exception:
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


def work_on(base: Path, seed: int, kinds: Sequence[str], pipe: Connection) -> None:
    """A worker: numbers of cases come in, what came of each goes out."""
    while True:
        number = pipe.recv()
        rng = random.Random(f"{seed}-{number}")
        with tempfile.TemporaryDirectory(prefix="fdbench-fuzz-") as work:
            case = make_case(kinds[number % len(kinds)], rng, base, Path(work))
            pipe.send((case.damage, case.arguments[:1], None))
            pipe.send((case.damage, case.arguments[:1], verdict_on(case)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="this one alone")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default=",".join(KINDS))
    options = parser.parse_args()
    kinds, counts, started = options.only.split(","), Counter[str](), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fdbench-fuzz-base-") as folder:
        base = Path(folder)
        make_base(base)
        numbers = iter([options.case] if options.case is not None else range(options.n))
        for number, (damage, command, (fault, line)) in over_workers(options.workers, (base, options.seed, kinds), numbers):
            counts[fault or "well"] += 1
            if fault:
                print(f"{number:5} {fault:9} {' '.join(command)} {damage!a}: {ascii(line)[:300]}", flush=True)
    print(f"{time.monotonic() - started:.0f} s: {dict(counts)}")
    return 1 if set(counts) - {"well"} else 0


def over_workers(n: int, facts: tuple[object, ...], numbers: Iterator[int]) -> Iterator[tuple[int, tuple]]:
    """What came of each case; a worker that does not answer in time is ended, and another takes its place."""
    workers = [Worker(facts) for _ in range(n)]
    busy = [worker for worker in workers if worker.takes(next(numbers, None))]
    while busy:
        for worker in list(busy):
            found = worker.found()
            if found is not None:
                yield found
                if not worker.takes(next(numbers, None)):
                    busy.remove(worker)


class Worker:
    """A process that works on one case at a time."""

    def __init__(self, facts: tuple[object, ...]) -> None:
        self.facts = facts
        self.start()

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, there = context.Pipe()
        self.process = context.Process(target=work_on, args=(*self.facts, there), daemon=True)
        self.process.start()
        there.close()
        self.is_new = True

    def takes(self, number: int | None) -> bool:
        if number is None:
            self.process.kill()
            return False
        self.number, self.since, self.about = number, time.monotonic(), ("?", [])
        self.pipe.send(number)
        return True

    def found(self) -> tuple[int, tuple] | None:
        fault = ("hang", f"not done after {LIMIT_S:g} s")
        if self.pipe.poll(0.02):
            try:
                *about, verdict = self.pipe.recv()
                self.about, self.is_new = tuple(about), False
                return None if verdict is None else (self.number, (*about, verdict))
            except EOFError:
                fault = ("traceback", "the process died")
        elif time.monotonic() - self.since < LIMIT_S * (2 if self.is_new else 1):
            return None
        self.process.kill()
        self.start()
        return self.number, (*self.about, fault)


if __name__ == "__main__":
    sys.exit(main())
