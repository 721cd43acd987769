"""The leaderboard as a whole: the golden below was written by hand from the rules in ``ranking`` and ``legend``."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_trees import metric, row_of, table_with, write_run

from fdbench.errors import DataError
from fdbench.report.leaderboard import check_leaderboard, render_leaderboard, render_published, write_leaderboard
from fdbench.report.rows import PublishedRow, Row, read_published, read_results

GOLDEN = """\
## mini

### Pause handling: `mini/pause_handling`

protocol `fdbench` · ASR `sphinx-5.1` · VAD `silero-6.2.3` · task version 1 · 12 samples

| model | clock | lead-in | failed samples | takeover rate ↓ | response latency (s) ↓ | run |
| :-- | :-- | :-- | :-- | --: | --: | :-- |
| silence† | lockstep | 0 s |  | **0.000**<br><sub>[0.000, 0.000], n=12</sub> | &gt; 4.600<br><sub>12 cens.</sub> | \
[l0](../results/silence-l0/scores/s1/summary.json) |
| moshi<br>`top_k=25` | lockstep | 3 s | 1 | **0.250**<br><sub>n=11, 1 err.</sub> | **0.320**<br><sub>n=11, 1 err.</sub> | \
[l3](../results/moshi-l3/scores/s1/summary.json) |
| talker | lockstep | 0 s |  | 0.500<br><sub>n=12</sub> | 0.400<br><sub>n=12</sub> | \
[l0](../results/talker-l0/scores/s1/summary.json) |
| cloud (recordings) | given | 0 s |  | 0.100 (n=9)<br><sub>3 n/a</sub> | 0.100 (n=9) | \
[g0](../results/cloud-g0/scores/s1/summary.json) |

## Runs
"""


def write_golden_tree(root: Path) -> None:
    def both(rate: float | None, latency: float | None, n: int = 12, **more: int) -> dict[str, dict[str, object]]:
        return {
            "takeover_rate": metric("takeover_rate", rate, n, **more),
            "response_latency_s": metric("response_latency_s", latency, n, details=size_of(latency), **more),
        }

    def size_of(latency: float | None) -> dict[str, float]:
        return {} if latency is None else {"median_absolute": abs(latency)}

    silent = both(0.0, None)
    silent["takeover_rate"].update(ci_low=0.0, ci_high=0.0)
    silent["response_latency_s"].update(n_censored=12, details={"more_than": 4.6})
    few = both(0.1, 0.1, 9)
    few["takeover_rate"].update(n_not_applicable=3)
    write_run(root, "silence", silent, kind="trivial")
    write_run(root, "moshi", both(0.25, 0.32, 11, n_error=1), arguments={"top_k": 25}, lead_in_s=3.0, n_errors=1)
    write_run(root, "talker", both(0.5, 0.4))
    write_run(root, "cloud", few, kind="recordings", clock="given")


def published(model: str = "Moshi", value: float = 0.941, task: str = "v1/turn_taking.candor", note: str = "") -> PublishedRow:
    facts = {"protocol": "fdb-2025-06", "source": "arXiv 1.2 Table III (copied)", "url": "https://example.org/a"}
    of_metric = {"metric": "takeover_rate", "unit": "rate", "higher_is_better": True}
    return PublishedRow(model=model, task=task, value=value, **of_metric, **facts, evidence="primary", note=note)


def test_the_golden(tmp_path: Path) -> None:
    write_golden_tree(tmp_path)
    text = render_leaderboard(read_results(tmp_path), [published()])
    assert text[text.index("## mini") :].startswith(GOLDEN)


def test_the_order_of_input_makes_no_difference(tmp_path: Path) -> None:
    write_golden_tree(tmp_path)
    rows = read_results(tmp_path)
    others = [published("B", 0.5), published("a", 0.25, note="second"), published("c", note="first")]
    assert render_leaderboard(rows, others) == render_leaderboard(rows[::-1], others[::-1])


def test_a_published_number_is_italic_with_protocol_source_and_evidence_and_never_bold(tmp_path: Path) -> None:
    write_run(tmp_path, "a", {"takeover_rate": metric("takeover_rate", 0.1)}, task="v1/turn_taking.candor")
    write_run(tmp_path, "b", {"takeover_rate": metric("takeover_rate", 0.2)}, task="v1/turn_taking.candor")
    assert table_with(render_published([published(value=0.0)]), "published, not ranked") == [
        "| *published, not ranked* | takeover rate ↑ | protocol | source | evidence |",
        "| :-- | --: | :-- | :-- | :-- |",
        "| *Moshi* | *0* | fdb-2025-06 | [arXiv 1.2 Table III](https://example.org/a) | primary |",
    ]
    text = render_leaderboard(read_results(tmp_path), [published(value=0.0)])
    assert "**0.100**" in row_of(text, "a ")
    assert "| *0* |" in row_of(text, "*Moshi*")


def test_a_published_number_is_printed_as_precisely_as_it_was_published() -> None:
    text = render_leaderboard([], [published("x", 0.42), published("y", 0.6389)])
    assert "*0.42* |" in row_of(text, "*x*")
    assert "*0.6389* |" in row_of(text, "*y*")


def test_remarks_on_published_numbers_are_footnotes_said_once() -> None:
    text = render_published([published("x", note="a | b"), published("y", note="a | b"), published("z", note="c")])
    assert "<sup>1</sup>" in row_of(text, "*x*")
    assert "<sup>1</sup>" in row_of(text, "*y*")
    assert "<sup>2</sup>" in row_of(text, "*z*")
    assert "\n<sup>1</sup> a \\| b.<br>\n<sup>2</sup> c.\n" in text


def test_published_numbers_of_tasks_that_do_not_exist_here_are_not_shown() -> None:
    assert "v3" not in render_leaderboard([], [published(task="v3/overall.all")])
    assert "v3" not in render_published([published(task="v3/overall.all")])


def test_text_from_results_cannot_break_a_table(tmp_path: Path) -> None:
    write_run(tmp_path, "x", {"takeover_rate": metric("takeover_rate", 0.1)}, arguments={"a": "1|2", "b": "**c**"})
    (row,) = read_results(tmp_path)
    assert "| x<br>`a=1\\|2 b=**c**` |" in render_leaderboard([row], [])
    evil = published("| *a* <img src=x> |\n# h")
    assert "| *\\| \\*a\\* &lt;img src=x&gt; \\| # h* |" in render_published([evil])
    assert "| *\\| \\*a\\* &lt;img src=x&gt; \\| # h*<br>" in render_leaderboard([], [evil])


def test_each_run_is_listed_with_what_determines_it(tmp_path: Path) -> None:
    write_golden_tree(tmp_path)
    text = render_leaderboard(read_results(tmp_path), [], results_link="../r")
    assert row_of(text, "[moshi-l3]") == (
        "| [moshi-l3](../r/moshi-l3/manifest.json) | model | `adapters/moshi` | `top_k=25` | – "
        "| lockstep | 3 s | 8 | 0 | 0.1.0 |"
    )


def test_every_section_is_linked_at_the_top() -> None:
    text = render_published([published(), published(task="v1.5/user_interruption")])
    assert "Sections: [v1](#v1) · [v1.5](#v15)\n" in text


class TestStaleness:
    @pytest.fixture()
    def root(self, tmp_path: Path) -> Path:
        root = tmp_path / "results"
        write_golden_tree(root)
        return root

    @pytest.fixture()
    def target(self, tmp_path: Path) -> Path:
        return tmp_path / "leaderboard" / "LEADERBOARD.md"

    def test_what_was_just_written_is_current(self, root: Path, target: Path) -> None:
        write_leaderboard(root, target)
        check_leaderboard(root, target)

    def test_a_changed_number_makes_it_stale_and_says_what_to_run(self, root: Path, target: Path) -> None:
        write_leaderboard(root, target)
        write_run(root, "talker", {"takeover_rate": metric("takeover_rate", 0.75)})
        with pytest.raises(DataError, match="is stale") as caught:
            check_leaderboard(root, target)
        assert caught.value.remedy == "run `fdbench leaderboard`"
        assert "+| talker | lockstep | 0 s |  | 0.750" in str(caught.value)

    def test_an_edit_by_hand_makes_it_stale(self, root: Path, target: Path) -> None:
        write_leaderboard(root, target)
        target.write_text(target.read_text(encoding="utf-8").replace("0.500", "0.400"), encoding="utf-8")
        with pytest.raises(DataError, match="is stale"):
            check_leaderboard(root, target)

    def test_an_end_of_line_more_or_less_is_stale_too(self, root: Path, target: Path) -> None:
        write_leaderboard(root, target)
        target.write_text(target.read_text(encoding="utf-8").rstrip("\n"), encoding="utf-8")
        with pytest.raises(DataError, match="is stale"):
            check_leaderboard(root, target)

    def test_none_at_all_is_an_error_too(self, root: Path, target: Path) -> None:
        with pytest.raises(DataError, match="does not exist"):
            check_leaderboard(root, target)

    def test_links_lead_from_the_leaderboard_to_the_files(self, root: Path, target: Path) -> None:
        write_leaderboard(root, target)
        assert "(../results/moshi-l3/scores/s1/summary.json)" in target.read_text(encoding="utf-8")
        assert (target.parent / "../results/moshi-l3/scores/s1/summary.json").is_file()

    def test_the_shipped_published_numbers_are_in_it(self, root: Path, target: Path) -> None:
        write_leaderboard(root, target)
        text = (target.parent / "published.md").read_text(encoding="utf-8")
        assert "### Backchannel: `v1/backchannel.icc`" in text
        assert "*PersonaPlex + RL (Fisher)*" in text
        assert "*PersonaPlex + RL (Fisher)*" in target.read_text(encoding="utf-8")


def test_nothing_of_place_or_time_is_in_it(tmp_path: Path) -> None:
    first, second = tmp_path / "one" / "results", tmp_path / "two" / "deep" / "results"
    for root in (first, second):
        write_golden_tree(root)
        write_leaderboard(root, root.parent / "leaderboard" / "L.md")
    texts = [(root.parent / "leaderboard" / "L.md").read_bytes() for root in (first, second)]
    assert texts[0] == texts[1]
    assert str(tmp_path).encode() not in texts[0]


def test_every_table_row_has_as_many_cells_as_its_heading(tmp_path: Path) -> None:
    write_golden_tree(tmp_path)
    rows: tuple[Row, ...] = read_results(tmp_path)
    widths = {
        len({line.replace("\\|", "").count("|") for line in block.splitlines()})
        for block in render_leaderboard(rows, read_published()).split("\n\n")
        if block.startswith("|")
    }
    assert widths == {1}


def test_a_row_that_is_not_ranked_says_so(tmp_path: Path) -> None:
    write_run(tmp_path, "hums", {"sound_beside_speech": metric("sound_beside_speech", 0.94)})
    text = render_leaderboard(read_results(tmp_path), [])
    assert row_of(text, "hums").startswith("| hums<br><sub>not ranked: too much sound beside speech</sub> |")
