"""The leaderboard as a site: links lead somewhere, a report stands behind every run, tables sort in a real browser."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.chromium import browsing, find_chromium
from tests.committed import RESULTS, clean_row
from tests.conftest import fdbench

BROWSER = find_chromium()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("markdown", reason="the package markdown is not installed")
    root = tmp_path_factory.mktemp("site")
    for model in ("oracle", "silence", "vad-endpointer"):
        folder = clean_row(model)
        shutil.copytree(folder, root / "results" / folder.name, ignore=shutil.ignore_patterns("audio", "annotations"))
    command = ("--results", root / "results", "--out", root / "board" / "LEADERBOARD.md", "--site", root / "site")
    finished = fdbench("leaderboard", *command)
    assert finished.status == 0, finished.err
    assert "3 reports" in finished.out
    return root / "site"


def test_every_link_leads_somewhere(site):
    for page in site.glob("*.html"):
        text = page.read_text()
        links = re.findall(r'(?:href|src)="([^"#]+)', text)
        inside = [link for link in links if not link.startswith("http")]
        assert [link for link in inside if not (site / link).is_file()] == []
    assert len(re.findall(r'href="reports/', (site / "index.html").read_text())) > 3


def test_what_is_in_the_way_is_not_written_over(tmp_path):
    (tmp_path / "site").write_text("mine")
    finished = fdbench("leaderboard", "--results", RESULTS, "--out", tmp_path / "L.md", "--site", tmp_path / "site")
    assert finished.status == 2 and "is not a folder" in finished.err and (tmp_path / "site").read_text() == "mine"


def test_a_run_without_a_report_is_named_not_linked(tmp_path):
    pytest.importorskip("markdown", reason="the package markdown is not installed")
    from fdbench.page.site import _html

    text = "| run |\n| :-- |\n| [abc](../results/abc/scores/s/summary.json) [xyz](../results/xyz/manifest.json) |\n"
    html = _html(f"# Board\n\n{text}", {"abc"})
    assert 'href="reports/abc/index.html"' in html and "xyz" in html and "xyz/" not in html


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here: install one, or name it in FDBENCH_CHROMIUM")
def test_tables_sort_by_the_column_that_is_clicked(site):
    pytest.importorskip("websockets", reason="needs pip install 'fdbench[realtime]'")
    models = "[...document.querySelector('table').tBodies[0].rows].map(row => row.cells[0].textContent.split('†')[0])"
    click = "document.querySelectorAll('table')[0].querySelectorAll('th')[1].click()"
    with browsing(str(BROWSER)) as page:
        page.call("Page.navigate", url=(site / "index.html").as_uri())
        page.until("document.readyState === 'complete' && document.querySelector('th[title=sort]') !== null")
        page.run(click)
        assert page.run(models) == ["oracle", "vad-endpointer", "silence"]
        page.run(click)
        assert page.run(models) == ["silence", "vad-endpointer", "oracle"]
        assert page.troubles == []
        assert [each for each in page.requests if not each.startswith(("file:", "about:"))] == []
