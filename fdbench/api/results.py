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
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._run = Run.existing(path)

    def __repr__(self) -> str:
        return f"RunResults({str(self.path)!r})"

    def metrics(self) -> list[dict[str, Any]]:
        """One dict per scoring, task and metric: ``run``, ``model``, ``protocol``, ``task``, ``metric``, ``value``, ``unit``,
        ``ci_low``, ``ci_high``, how many samples stand behind it, ``details`` and ``signature``."""
        model = self._run.manifest().collection.model
        return [
            {"run": summary["run_id"], "model": model, "protocol": summary["protocol"], "task": task, "metric": metric, **facts}
            for summary in self._run.summaries()
            for task, of_task in summary["tasks"].items()
            for metric, facts in of_task["metrics"].items()
        ]

    def samples(self) -> list[dict[str, Any]]:
        """One dict per scoring, sample, repeat and metric: ``protocol``, ``task``, ``id``, ``repeat``, ``metric``, ``value``,
        ``status``, ``reason`` and ``components``; a value that is None has a status and a reason."""
        return list(self._sample_scores())

    def _sample_scores(self) -> Iterator[dict[str, Any]]:
        for scored in self._run.manifest().scored:
            path = self._run.samples_file(scored.folder)
            try:
                lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            except (OSError, ValueError) as error:
                raise DataError(f"{path}: cannot be read ({error})", "score the run again") from None
            for line in lines:
                where = {"protocol": scored.protocol, "task": line["task"], "id": line["id"], "repeat": line.get("repeat", 0)}
                for metric, score in line["scores"].items():
                    yield {**where, "metric": metric, "components": {}, **score}

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
    results = RunResults(Path(path))
    results._run.manifest()  # what cannot be read is refused here and not at the first question
    return results


def _frame(rows: list[dict[str, Any]]) -> pandas.DataFrame:
    try:
        import pandas
    except ImportError:
        raise MissingExtraError("pandas", "notebook", "a data frame") from None
    return pandas.DataFrame(rows)
