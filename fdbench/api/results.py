"""``fdbench.load_run``: a run's numbers as plain Python, or as data frames."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fdbench.errors import DataError, MissingExtraError
from fdbench.store.run import Run

if TYPE_CHECKING:
    import pandas


class RunResults:
    """The numbers of a run, read when they are asked for.

    Attributes:
        path: The run's folder.
        notes: What went wrong, and what else a user should know, where the run was made by this call.
    """

    def __init__(self, path: Path, notes: tuple[str, ...] = ()) -> None:
        self.path, self.notes = path, notes
        self._run = Run.existing(path)

    def __repr__(self) -> str:
        return f"RunResults({str(self.path)!r})"

    def metrics(self) -> list[dict[str, Any]]:
        """One dict per scoring, task and metric: ``run``, ``model``, ``protocol``, ``task``, ``metric``, ``value``, ``unit``,
        ``ci_low``, ``ci_high``, how many samples stand behind it, ``details`` and ``signature``."""
        model = self._run.manifest().collection.model
        try:
            return [
                {
                    "run": summary["run_id"],
                    "model": model,
                    "protocol": summary["protocol"],
                    "task": task,
                    "metric": metric,
                    **facts,
                }
                for summary in self._run.summaries()
                for task, of_task in summary["tasks"].items()
                for metric, facts in of_task["metrics"].items()
            ]
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{self.path}: a summary cannot be read ({error})", "score the run again") from None

    def samples(self) -> list[dict[str, Any]]:
        """One dict per scoring, sample, repeat and metric: ``run``, ``scoring`` (its folder: protocol and engines),
        ``protocol``, ``asr``, ``task``, ``id``, ``repeat``, ``metric``, ``value``, ``status``, ``reason``, ``components`` and
        ``messages``; one without a value has a status and a reason."""
        return list(self._sample_scores())

    def _sample_scores(self) -> Iterator[dict[str, Any]]:
        manifest = self._run.manifest()
        for scored in manifest.scored:
            path = self._run.samples_file(scored.folder)
            made = {
                "run": manifest.run_id,
                "scoring": scored.folder,
                "protocol": scored.protocol,
                "asr": scored.engines.get("asr"),
            }
            try:
                for line in map(json.loads, path.read_bytes().splitlines()):
                    where = {**made, "task": line["task"], "id": line["id"], "repeat": line.get("repeat", 0)}
                    for metric, score in line["scores"].items():
                        yield {**where, "metric": metric, "components": {}, **score, "messages": line.get("messages", [])}
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise DataError(f"{path}: cannot be read ({error})", "score the run again") from None

    def metrics_df(self) -> pandas.DataFrame:
        """``metrics`` as a data frame. Raises MissingExtraError without pandas."""
        return _frame(self.metrics())

    def samples_df(self) -> pandas.DataFrame:
        """``samples`` as a data frame. Raises MissingExtraError without pandas."""
        return _frame(self.samples())


def load_run(path: str | Path) -> RunResults:
    """The numbers of a run that was made before, by `fdbench run` or `fdbench.run`.

    Args:
        path: The run's folder.

    Raises:
        FdbenchError: It is no run's folder, or one of a newer fdbench.
    """
    results = RunResults(Path(path).expanduser())
    results._run.manifest()  # what cannot be read is refused here and not at the first question
    return results


def _frame(rows: list[dict[str, Any]]) -> pandas.DataFrame:
    try:
        import pandas
    except ImportError:
        raise MissingExtraError("pandas", "notebook", "a data frame") from None
    return pandas.DataFrame(rows)
