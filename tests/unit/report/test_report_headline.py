"""The headline of a model: the table below was written by hand from the values that ``write_model`` writes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from report_trees import add_task, metric, row_of, table_with, write_run

from fdbench.errors import DataError
from fdbench.report.figure import figure_text
from fdbench.report.headline import best_in, boards, headline_of
from fdbench.report.headline_table import headline_lines
from fdbench.report.leaderboard import HEADLINE_END, HEADLINE_START, check_leaderboard, render_leaderboard, write_leaderboard
from fdbench.report.rows import PublishedRow, read_results

BY_HAND = """\
| model | lost per<br>turn (s)~↓ | <sub>of it: wait<br>+ talked over<br>+ breaks</sub> | waits in<br>pauses~↑ \
| takes the<br>turn~↑ | after<br>(s) → 0 | yields~↑ | stops<br>in (s)~↓ | backchannels~↑<br><sub>timing, amount</sub> |
| :-- | --: | --: | --: | --: | --: | --: | --: | --: |
| seer† | 0.25<br><sub>[0.05,~0.45]</sub> | <sub>0.25+0.00+0.00</sub> | 100% | 100% | 0.20 | 100% | 0.30 \
| 75% <sub>1.50 bit, ×÷1.0</sub> |
| calm | **1.00**<br><sub>[0.75,~1.25]</sub> | <sub>0.50+0.25+0.25</sub> | **92%**<br><sub>[65,~99%]</sub> | 50% \
| **-0.10** <sub>±0.40</sub> | **100%** | 0.50 | 40% <sub>0.80 bit, ×÷2.0</sub> |
| brisk | 2.00 | <sub>0.50+1.00+0.50</sub><br><sub>in words 2.50</sub> | 25% | **75%** | 0.50 | 75% | &gt; 2.20 | – |
| hums<br><sub>not ranked: up to 94% sound beside speech</sub> | 0.25 | <sub>0.25+0.00+0.00</sub> | 100% | 100% | 0.20 \
| 100% | 0.30 | 75% <sub>1.50 bit, ×÷1.0</sub> |
""".replace("~", "\u00a0")
"""Of two ranked models, calm and brisk, only one stops and only one makes backchannels: neither column has a best."""


def write_model(
    root: Path,
    model: str,
    lost: tuple[float, float, float, float] = (0.25, 0.25, 0.25, 0.25),
    parts: tuple[float, float, float] = (0.25, 0.0, 0.0),
    *,
    half_width: float | None = None,
    pause: float = 0.0,
    pause_interval: tuple[float, float] | None = None,
    turn: float = 1.0,
    after: float = 0.2,
    off: float | None = None,
    through: float = 0.0,
    stop: float | None = 0.3,
    share: float | None = 0.75,
    bits: float = 1.5,
    log2: float = 0.0,
    worded: float = 0.0,
    n: int = 12,
    sound: float = 0.0,
    family: str = "mini",
    tasks: int = 4,
    **more: Any,
) -> Path:
    """A run of four tasks, or of the first few; by default a perfect one."""

    def costs(seconds: float) -> dict[str, dict[str, Any]]:
        interval = {} if half_width is None else {"ci_low": seconds - half_width, "ci_high": seconds + half_width}
        of_it = dict(zip(("wait_s", "talked_over_s", "breaks"), parts, strict=True))
        return {
            "lost_per_turn_s": metric("lost_per_turn_s", seconds, n, details=of_it, **interval),
            "lost_worded_s": metric("lost_worded_s", seconds + worded, n, details=of_it),
            "sound_beside_speech": metric("sound_beside_speech", sound, n),
        }

    low, high = pause_interval or (None, None)
    waits = metric("takeover_rate", pause, n, ci_low=low, ci_high=high)
    turns = metric("takeover_rate", turn, n, higher_is_better=True)
    reply = metric("response_latency_s", after, n, details={"median_absolute": abs(after) if off is None else off})
    never = {"n_censored": n, "details": {"more_than": 2.2}}
    stops = metric("stop_latency_s", stop, n, **(never if stop is None else {"details": {"median_absolute": stop}}))
    nothing = {} if share is not None else {"n_not_applicable": n}
    timing = {
        "backchannel_ceiling_share": metric("backchannel_ceiling_share", share, n, **nothing),
        "backchannel_bits": metric("backchannel_bits", bits if share is not None else None, n, **nothing),
        "backchannel_rate_log2": metric("backchannel_rate_log2", log2 if share is not None else None, n, **nothing),
    }
    run = write_run(
        root, model, costs(lost[0]) | {"takeover_rate": waits}, task=f"{family}/pause_handling", n_samples=n, **more
    )
    rest = (
        ("turn_taking", costs(lost[1]) | {"takeover_rate": turns, "response_latency_s": reply}),
        (
            "user_interruption",
            costs(lost[2]) | {"talked_through_rate": metric("talked_through_rate", through, n), "stop_latency_s": stops},
        ),
        ("backchannel", costs(lost[3]) | timing),
    )
    for behaviour, values in rest[: tasks - 1]:
        add_task(run, f"{family}/{behaviour}", values, n_samples=n)
    return run


def write_board(root: Path) -> None:
    write_model(root, "seer", half_width=0.4, kind="trivial")
    # The root of four squares of 0.5, by four: 0.25.
    calm = {"half_width": 0.5, "pause": 1 / 12, "pause_interval": (0.01, 0.35), "turn": 0.5, "after": -0.1, "off": 0.4}
    write_model(root, "calm", (1.0, 0.5, 2.0, 0.5), (0.5, 0.25, 0.25), **calm, stop=0.5, share=0.4, bits=0.8, log2=1.0)
    brisk = {"pause": 0.75, "turn": 0.75, "after": 0.5, "through": 0.25, "stop": None, "share": None, "worded": 0.5}
    write_model(root, "brisk", (4.0, 1.0, 2.0, 1.0), (0.5, 1.0, 0.5), **brisk)
    write_model(root, "hums", sound=0.94)


def names(root: Path) -> list[str]:
    (board,) = boards(read_results(root))
    return [headline.rows[0].collection.model for headline in board]


def marked(root: Path, figure: str) -> set[str]:
    (board,) = boards(read_results(root))
    return {run.rpartition("-")[0] for run in best_in(board, figure)}


def test_the_table_written_by_hand(tmp_path: Path) -> None:
    write_board(tmp_path)
    assert "\n".join(headline_lines(read_results(tmp_path))[2:]) == BY_HAND


def test_the_facts_stand_in_one_line_above(tmp_path: Path) -> None:
    engines = {"asr": "whisper-1@2;int8", "vad": "silero", "judge": "none"}
    write_model(tmp_path, "a", engines=engines)
    assert headline_lines(read_results(tmp_path))[:2] == [
        "**mini** · 48 clips · protocol `fdbench` · ASR `whisper-1@2` · VAD `silero`",
        "",
    ]


def test_settings_of_recognisers_are_said_where_only_they_differ(tmp_path: Path) -> None:
    for name, settings in (("a", "int8"), ("b", "float32")):
        write_model(tmp_path, name, engines={"asr": f"whisper;{settings}", "vad": "silero", "judge": "none"})
    text = "\n".join(headline_lines(read_results(tmp_path)))
    assert "`whisper;int8`" in text
    assert "`whisper;float32`" in text


class TestOrder:
    def test_least_lost_first_and_what_is_not_ranked_last_by_name(self, tmp_path: Path) -> None:
        write_board(tmp_path)
        assert names(tmp_path) == ["seer", "calm", "brisk", "hums"]

    def test_the_order_of_input_makes_no_difference(self, tmp_path: Path) -> None:
        write_board(tmp_path)
        write_model(tmp_path, "part", tasks=2)
        rows = read_results(tmp_path)
        assert headline_lines(rows) == headline_lines(rows[::-1])

    def test_runs_of_other_data_conditions_and_recognisers_are_other_tables(self, tmp_path: Path) -> None:
        write_model(tmp_path, "a")
        write_model(tmp_path, "b", family="v1")
        write_model(tmp_path, "c", version=2)
        write_model(tmp_path, "d", engines={"asr": "other", "vad": "silero-6.2.3", "judge": "none"})
        assert sorted(len(board) for board in boards(read_results(tmp_path))) == [1, 1, 1, 1]

    def test_two_scorings_that_differ_by_judge_are_one_row(self, tmp_path: Path) -> None:
        write_model(tmp_path, "a")
        rows = read_results(tmp_path)
        judged = [replace(row, engines=row.engines.model_copy(update={"judge": "j"}), path=row.path + "2") for row in rows]
        assert [len(board) for board in boards([*judged, *rows])] == [1]


class TestBest:
    def test_a_trivial_agent_is_never_bold(self, tmp_path: Path) -> None:
        write_model(tmp_path, "silence", kind="trivial")
        write_model(tmp_path, "echo", (3.0, 3.0, 3.0, 3.0), kind="trivial")
        assert "**" not in "".join(headline_lines(read_results(tmp_path))[2:])

    def test_one_model_alone_is_not_the_best_of_anything(self, tmp_path: Path) -> None:
        write_model(tmp_path, "a")
        write_model(tmp_path, "silence", kind="trivial")
        assert marked(tmp_path, "lost") == set()

    def test_what_looks_the_same_in_print_ties(self, tmp_path: Path) -> None:
        write_model(tmp_path, "a", (0.251, 0.25, 0.25, 0.25))
        write_model(tmp_path, "b", (0.25, 0.25, 0.25, 0.25))
        write_model(tmp_path, "c", (0.29, 0.29, 0.29, 0.29))
        assert marked(tmp_path, "lost") == {"a", "b"}

    def test_replies_are_ranked_by_how_far_each_is_from_0(self, tmp_path: Path) -> None:
        write_model(tmp_path, "deaf", after=-0.04, off=2.83)
        write_model(tmp_path, "hears", after=0.5)
        assert marked(tmp_path, "after") == {"hears"}

    def test_more_than_all_of_the_ceiling_is_no_better_than_it(self, tmp_path: Path) -> None:
        write_model(tmp_path, "a", share=1.34)
        write_model(tmp_path, "b", share=1.0)
        assert marked(tmp_path, "backchannels") == {"a", "b"}

    def test_backchannels_are_ranked_only_where_their_amount_is_within_a_factor_of_2(self, tmp_path: Path) -> None:
        write_model(tmp_path, "many", share=0.9, log2=1.5)
        write_model(tmp_path, "a", share=0.5)
        write_model(tmp_path, "b", share=0.4)
        assert marked(tmp_path, "backchannels") == {"a"}

    def test_seconds_are_compared_within_a_clock_and_the_clock_is_said(self, tmp_path: Path) -> None:
        write_model(tmp_path, "a", clock="realtime")
        write_model(tmp_path, "b", (2.0, 2.0, 2.0, 2.0), turn=0.5)
        assert marked(tmp_path, "lost") == set()
        assert marked(tmp_path, "turn") == {"a"}
        assert row_of("\n".join(headline_lines(read_results(tmp_path))), "a").startswith("| a<br>`realtime` |")


class TestNotRanked:
    def test_a_row_beyond_a_limit_in_one_task_is_in_no_column(self, tmp_path: Path) -> None:
        write_board(tmp_path)
        assert "hums" not in {run for figure in ("lost", "waits", "turn") for run in marked(tmp_path, figure)}

    def test_a_run_of_fewer_tasks_stands_last_in_the_same_table_and_says_so(self, tmp_path: Path) -> None:
        write_model(tmp_path, "whole", (3.0, 3.0, 3.0, 3.0))
        write_model(tmp_path, "part", tasks=3)
        assert names(tmp_path) == ["whole", "part"]
        row = row_of("\n".join(headline_lines(read_results(tmp_path))), "part")
        assert row.startswith("| part<br><sub>not ranked: backchannel not run</sub> | – | – |")

    def test_fewer_than_10_samples_are_shown_and_not_ranked(self, tmp_path: Path) -> None:
        write_model(tmp_path, "few", n=7)
        row = row_of("\n".join(headline_lines(read_results(tmp_path))), "few")
        assert row.startswith("| few<br><sub>not ranked: n = 7</sub> | 0.25<br><sub>n=7</sub> |")

    def test_results_without_lost_seconds_have_no_headline(self, tmp_path: Path) -> None:
        write_run(tmp_path, "old", {"takeover_rate": metric("takeover_rate", 0.1)})
        assert boards(read_results(tmp_path)) == []
        assert headline_of(read_results(tmp_path)).not_ranked


def test_two_sets_of_one_behaviour_weigh_as_one(tmp_path: Path) -> None:
    run = write_model(tmp_path, "a", (0.0, 1.0, 1.0, 1.0))
    costs = {"lost_per_turn_s": metric("lost_per_turn_s", 2.0), "takeover_rate": metric("takeover_rate", 0.5)}
    add_task(run, "mini/pause_handling.second", costs)
    headline = headline_of(read_results(tmp_path))
    assert headline.lost.value == pytest.approx(1.0)
    assert figure_text(headline.waits) == "75%"


def test_text_from_results_stays_text(tmp_path: Path) -> None:
    for name, clock in (("one", "lockstep"), ("two", "given")):
        write_model(tmp_path / name, "x", clock=clock, arguments={"a": "1|2", "b": "`<img src=x>`"})
    rows = [row for name in ("one", "two") for row in read_results(tmp_path / name)]
    lines = headline_lines(rows)
    assert not [line for line in lines if "<img" in line]
    assert len({line.replace("\\|", "").count("|") for line in lines if line.startswith("|")}) == 1


def test_a_hostile_name_stays_text(tmp_path: Path) -> None:
    write_model(tmp_path, "**a**|<b>[x](y)")
    text = "\n".join(headline_lines(read_results(tmp_path)))
    assert "| \\*\\*a\\*\\*\\|&lt;b&gt;\\[x\\](y) |" in text


class TestPages:
    @pytest.fixture()
    def root(self, tmp_path: Path) -> Path:
        write_board(tmp_path / "results")
        write_run(tmp_path / "results", "fdb", {"takeover_rate": metric("takeover_rate", 0.1)}, protocol="fdb-2026-05")
        (tmp_path / "README.md").write_text(f"# fdbench\n\n{HEADLINE_START}\nold\n{HEADLINE_END}\n\nmore\n", encoding="utf-8")
        return tmp_path / "results"

    @pytest.fixture()
    def target(self, tmp_path: Path) -> Path:
        return tmp_path / "leaderboard" / "LEADERBOARD.md"

    def test_the_table_is_the_first_thing_on_the_page_below_two_lines(self, root: Path, target: Path) -> None:
        write_leaderboard(root, target)
        lines = [line for line in target.read_text(encoding="utf-8").splitlines() if line]
        assert lines[0] == "# Leaderboard"
        assert lines[2].startswith("| model | lost per<br>turn (s)\u00a0↓ |")

    def test_the_readme_shows_the_same_table_and_keeps_the_rest(self, root: Path, target: Path) -> None:
        write_leaderboard(root, target)
        readme = (root.parent / "README.md").read_text(encoding="utf-8")
        page = target.read_text(encoding="utf-8")
        assert table_with(readme, "lost per<br>") == table_with(page, "lost per<br>")
        assert readme.startswith(f"# fdbench\n\n{HEADLINE_START}\n\n**mini**")
        assert readme.endswith(f" |\n\n{HEADLINE_END}\n\nmore\n")
        write_leaderboard(root, target)
        assert (root.parent / "README.md").read_text(encoding="utf-8") == readme

    @pytest.mark.parametrize(
        ("page", "word"),
        [
            ("README.md", "calm"),
            ("leaderboard/LEADERBOARD.md", "calm"),
            ("leaderboard/fdb.md", "0.1"),
            ("leaderboard/published.md", "Moshi"),
        ],
    )
    def test_a_change_by_hand_of_any_page_is_noticed(self, root: Path, target: Path, page: str, word: str) -> None:
        write_leaderboard(root, target)
        check_leaderboard(root, target)
        path = root.parent / page
        path.write_text(path.read_text(encoding="utf-8").replace(word, "other", 1), encoding="utf-8")
        with pytest.raises(DataError, match="is stale"):
            check_leaderboard(root, target)

    def test_a_changed_result_is_noticed(self, root: Path, target: Path) -> None:
        write_leaderboard(root, target)
        write_model(root, "calm", (9.0, 9.0, 9.0, 9.0))
        with pytest.raises(DataError, match="is stale"):
            check_leaderboard(root, target)

    def test_the_published_rules_have_no_page_without_results(self, tmp_path: Path, target: Path) -> None:
        write_board(tmp_path / "results")
        write_leaderboard(tmp_path / "results", target)
        assert not (target.parent / "fdb.md").exists()

    def test_a_readme_without_the_markers_is_left_alone(self, root: Path, target: Path) -> None:
        (root.parent / "README.md").write_text("# mine\n")
        write_leaderboard(root, target)
        assert (root.parent / "README.md").read_text() == "# mine\n"

    def test_no_section_is_empty(self, root: Path, target: Path) -> None:
        write_leaderboard(root, target)
        for path in target.parent.iterdir():
            lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
            assert "Nothing measured" not in "".join(lines)
            assert not [line for line, after in pairwise(lines) if line.startswith("###") and after[0] == "#"]
            assert not lines[-1].startswith("#")


def published(model: str, value: float, url: str, note: str = "", source: str = "Table 1") -> list[PublishedRow]:
    facts = {"protocol": "unknown", "source": source, "url": url, "evidence": "primary", "note": note}
    return [
        PublishedRow(
            model=model,
            task=f"v1/{behaviour}",
            metric="takeover_rate",
            value=value,
            unit="rate",
            higher_is_better=True,
            **facts,
        )
        for behaviour in ("pause_handling", "turn_taking", "user_interruption", "backchannel")
    ]


class TestPublished:
    OLD, NEW = "https://arxiv.org/abs/2503.04721", "https://arxiv.org/abs/2606.11167"

    def front(self, *rows: PublishedRow) -> tuple[str, str]:
        """What is seen, and what is folded."""
        seen, _, folded = render_leaderboard([], list(rows)).partition("<details>")
        return seen, folded

    def test_a_model_has_one_row_of_its_newest_source_and_the_others_are_folded(self) -> None:
        seen, folded = self.front(*published("Moshi", 0.1, self.OLD), *published("Moshi (3 s delay)", 0.2, self.NEW))
        assert "*0.2*" in row_of(seen, "*Moshi")
        assert "*0.1*" in row_of(folded, "*Moshi")

    def test_an_original_stands_before_a_newer_copy(self) -> None:
        copy = published("Moshi", 0.1, self.NEW, source="Table 1 (cited there from elsewhere)")
        seen, folded = self.front(*published("Moshi", 0.1, self.OLD), *copy)
        assert self.OLD in row_of(seen, "*Moshi")
        assert self.NEW in row_of(folded, "*Moshi")

    def test_the_same_numbers_under_two_names_are_one_row(self) -> None:
        seen, _ = self.front(*published("Live", 0.1, self.OLD), *published("Live 2", 0.1, self.NEW))
        assert self.NEW in row_of(seen, "*Live")

    def test_what_a_model_was_trained_on_makes_it_another(self) -> None:
        seen, _ = self.front(*published("M + RL (A)", 0.1, self.NEW), *published("M + RL (B)", 0.2, self.NEW))
        assert "*0.1*" in row_of(seen, "*M + RL (A)")
        assert "*0.2*" in row_of(seen, "*M + RL (B)")

    def test_ablations_and_sources_of_one_task_are_folded(self) -> None:
        ablation = published("M + RL w/o x", 0.3, self.NEW, source="Table 3 (ablation)")
        seen, folded = self.front(*published("A", 0.1, self.OLD), *ablation, published("One", 0.4, self.NEW)[0])
        assert "w/o x" not in seen
        assert "One" not in seen
        assert "<summary>2 more:" in folded

    def test_published_numbers_stand_in_their_own_table_below_the_measured_ones_and_are_never_bold(
        self, tmp_path: Path
    ) -> None:
        write_board(tmp_path)
        text = render_leaderboard(read_results(tmp_path), published("Moshi", 1.0, self.NEW))
        assert text.index("| calm |") < text.index("## Published by others") < text.index("| *Moshi*<br>")
        assert "**" not in row_of(text, "*Moshi*")
        assert "Moshi" not in "".join(table_with(text, "lost per<br>"))

    def test_a_hostile_name_stays_text(self) -> None:
        seen, _ = self.front(*published("**a** | <img> |\n# h", 0.5, "javascript:alert(1)"))
        assert "| *\\*\\*a\\*\\* \\| &lt;img&gt; \\| # h*<br>" in seen
        assert "javascript" not in seen
