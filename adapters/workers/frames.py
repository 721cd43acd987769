"""How a worker talks to fdbench: frames of sound over its standard input and output.

A worker is a program under another environment's interpreter, so this file needs the standard library and numpy and
never imports fdbench. A message is one line of JSON, followed by ``n_bytes`` bytes of float32 little-endian samples
where it carries sound. Every message has a number, and every answer the number of what it answers::

    fdbench                                            worker
       |                                                 |  loads its model
       |<-- {"seq": 0, "hello": {...}} ------------------|
       |--- {"seq": 1, "do": "open", "brief": {...}} --->|
       |<-- {"seq": 1} ----------------------------------|
       |--- {"seq": 2, "do": "step", "n_bytes": n} PCM ->|
       |<-- {"seq": 2, "text": [" he"], "n_bytes": n} PCM|
       |--- {"seq": 3, "do": "close"} ------------------>|
       |<-- {"seq": 3} ----------------------------------|

What cannot be done as asked (a bad voice, an empty prompt, the wrong package) is answered with ``refused`` and the two lines
of an error; anything else that a model raises ends the worker, because nobody knows what state it left behind, and its
traceback on standard error is what fdbench quotes.
"""

from __future__ import annotations

import json
import os
import select
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pcm = npt.NDArray[np.float32]

PROTOCOL = 1
_WATCH_MS = 1000


class RefusalError(Exception):
    """What was asked cannot be done, and asking again would not help.

    Args:
        what: What is wrong, in one line.
        remedy: What to do about it.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def told(self) -> dict[str, str]:
        """As a message says it."""
        return {"what": self.what, "remedy": self.remedy}


class WorkerModel(Protocol):
    """One conversation at a time."""

    sample_rate: int
    frame_samples: int

    def facts(self) -> dict[str, str]:
        """Versions, device, memory: what a person wants to know of it."""

    def open(self, brief: dict[str, Any]) -> None:
        """Begin a conversation, whatever became of the one before."""

    def step(self, heard: Pcm) -> tuple[Pcm, list[str]]:
        """Hear a frame; the frame that answers it, and the pieces of text that belong to it."""

    def close(self) -> None:
        """The conversation is over."""


class Channel:
    """The worker's end: standard input and output, taken out of everybody else's reach.

    Libraries print where they please. The two descriptors are moved away, so that whoever reads standard input finds it empty
    and whatever is printed goes to standard error.
    """

    def __init__(self) -> None:
        heard, said = os.dup(0), os.dup(1)  # not inherited by what the model may start
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        sys.stdout.flush()
        os.dup2(2, 1)
        sys.stdout = sys.stderr  # what is printed is out at once, should these be somebody's last words
        self._heard: BinaryIO = os.fdopen(heard, "rb")
        self._said: BinaryIO = os.fdopen(said, "wb")
        threading.Thread(target=_end_with_the_parent, args=(heard, os.getppid()), daemon=True).start()

    def receive(self) -> tuple[dict[str, Any], bytes] | None:
        """The next message and its sound; None when there will be no more."""
        line = self._heard.readline()
        if not line.endswith(b"\n"):
            return None
        head = json.loads(line)
        n_bytes = int(head.get("n_bytes", 0))
        sound = self._heard.read(n_bytes)
        return (head, sound) if len(sound) == n_bytes else None

    def send(self, head: dict[str, Any], sound: bytes = b"") -> None:
        """Say something; whoever is not listening any more has no use for this process."""
        if sound:
            head = {**head, "n_bytes": len(sound)}
        try:
            self._said.write(json.dumps(head).encode() + b"\n" + sound)
            self._said.flush()
        except BrokenPipeError:
            os._exit(0)


def serve(load: Callable[[], WorkerModel]) -> int:
    """Load a model and hold conversations until there are no more messages.

    Args:
        load: Makes the model; called once the channel is safe, so that it may print.

    Returns:
        The status to exit with.
    """
    import numpy as np  # not before: a program may want to say that this interpreter has nothing that it needs

    channel = Channel()
    try:
        model = load()
    except RefusalError as error:
        channel.send({"seq": 0, "refused": error.told()})
        return 1
    hello = {"protocol": PROTOCOL, "sample_rate": model.sample_rate, "frame_samples": model.frame_samples}
    channel.send({"seq": 0, "hello": {**hello, "facts": model.facts()}})
    while (message := channel.receive()) is not None:
        head, sound = message
        answer: dict[str, Any] = {"seq": head["seq"]}
        reply = b""
        if head["do"] == "step":
            said, pieces = model.step(np.frombuffer(sound, "<f4").astype(np.float32))
            reply = np.ascontiguousarray(said, "<f4").tobytes()
            if pieces:
                answer["text"] = pieces
        elif head["do"] == "open":
            try:
                model.open(head["brief"])
            except RefusalError as error:
                answer["refused"] = error.told()
        elif head["do"] == "close":
            model.close()
        else:
            answer["refused"] = {"what": f"cannot '{head['do']}'", "remedy": ""}
        channel.send(answer, reply)
    return 0


def _end_with_the_parent(heard: int, parent: int) -> None:
    """Leave as soon as nobody can ask any more, also in the middle of a long answer.

    When the parent is gone, killed or not, its end of the pipe is closed; should a process that it forked hold that end
    open, the change of parents tells.
    """
    watch = select.poll()
    watch.register(heard, 0)
    while True:
        if watch.poll(_WATCH_MS) or os.getppid() != parent:
            os._exit(0)
