"""The report in a real Chromium, opened from disk: it draws, filters, sorts, plays, and asks nothing of anybody else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fdbench.core.sound import Audio
from fdbench.io.wav import write_flac
from fdbench.page.lanes import Drawn, Lane, Mark, Piece, peaks_of
from fdbench.page.write import write_call_page
from tests.chromium import Page, browsing, find_chromium
from tests.conftest import fdbench
from tests.e2e.test_report import HOSTILE, OPTIONS, hostile_run, lines_of
from tests.v1_tree import make_v1_tree

BROWSER = find_chromium()
TITLE = "document.querySelector('.clip h2').textContent"
pytest.importorskip("websockets", reason="needs pip install 'fdbench[realtime]'")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here: install one, or name it in FDBENCH_CHROMIUM")

SECONDS_AT = """(() => {
  const [first, ...more] = [...document.querySelector('.lanes').querySelectorAll('.axis text')];
  const last = more.filter((each) => each.getAttribute('text-anchor') === 'middle').pop();
  const at = (tick) => [parseFloat(tick.textContent), Number(tick.getAttribute('x'))];
  const [[t0, x0], [t1, x1]] = [at(first), at(last)];
  return (x) => t0 + (x - x0) * (t1 - t0) / (x1 - x0);
})()"""
"""Reads a place in the picture as seconds, by the numbers that the axis shows."""


@pytest.fixture(scope="module")
def pair(record_once):
    return record_once("vad-endpointer", *OPTIONS), record_once("silence", *OPTIONS)


@pytest.fixture(scope="module")
def report(pair, tmp_path_factory) -> Path:
    to = tmp_path_factory.mktemp("page") / "report"
    assert fdbench("report", *pair, "--to", to).status == 0
    return to / "index.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with browsing(str(BROWSER)) as page:
        yield page


@pytest.fixture()
def page(browser, report) -> Iterator[Page]:
    """The report, open, and afterwards found to have troubled nobody."""
    browser.troubles.clear()
    browser.requests.clear()
    browser.call("Page.navigate", url="about:blank")
    browser.open(report.as_uri())
    yield browser
    assert browser.troubles == []
    assert all(re.match(r"(file|data|blob|about):", address) for address in browser.requests), browser.requests


def rows(page: Page) -> list[str]:
    return page.run("[...document.querySelectorAll('tbody tr[data-clip] th a')].map((link) => link.textContent)")


def open_clip(page: Page, name: str) -> None:
    page.run(f"[...document.querySelectorAll('tbody th a')].find((link) => link.textContent === {json.dumps(name)}).click()")
    page.until(
        f"document.querySelector('.clip h2')?.textContent.startsWith({json.dumps(name)}) && document.querySelector('.lanes')"
    )


def test_the_headline_and_the_rows_of_a_task_are_there(page):
    assert page.run("document.querySelectorAll('.run').length") == 2
    assert page.run("document.title") == "vad-endpointer and silence"
    assert rows(page) == ["tt-01", "tt-02", "tt-03"]
    assert page.run("document.querySelectorAll('.onsets .people').length") > 0


def test_rows_are_filtered_and_sorted(page):
    press = "document.querySelector('[data-filter={}]').click()"
    assert page.run("document.querySelector('[data-filter=failed]').disabled") is True
    page.run(press.format("censored"))
    assert rows(page) == ["tt-01", "tt-02", "tt-03"]
    page.run(press.format("differ"))
    apart = [
        float(each)
        for each in page.run("[...document.querySelectorAll('.clips tbody td:last-child')].map((c) => c.textContent)")
    ]
    assert apart == sorted(apart, reverse=True)
    page.run(press.format("all"))
    page.run("document.querySelector('th button').click()")
    page.run("document.querySelector('th button').click()")
    assert rows(page) == ["tt-03", "tt-02", "tt-01"]
    page.run("(() => { const find = document.querySelector('[type=search]'); find.value = '02'; "
             "find.dispatchEvent(new Event('input')); })()")  # fmt: skip
    assert rows(page) == ["tt-02"]
    page.run("document.querySelector('[type=search]').value = ''")


def test_events_are_drawn_at_their_seconds(page, pair):
    open_clip(page, "tt-02")
    scores = lines_of(pair[0])["mini/turn_taking", "tt-02"]["scores"]
    shafts = "document.querySelector('.call .mark-arrow .shaft')"
    begin, end = page.run(f"['x1', 'x2'].map((side) => {SECONDS_AT}(Number({shafts}.getAttribute(side))))")
    assert end - begin == pytest.approx(scores["response_latency_s"]["value"], abs=0.02)
    event = page.run(f"{SECONDS_AT}(Number(document.querySelector('.call .event.kind-turn_end rect').getAttribute('x')))")
    assert begin == pytest.approx(event, abs=0.02)
    onset = page.run(f"{SECONDS_AT}(Number(document.querySelector('.call .role-model .speech').getAttribute('x')))")
    assert end == pytest.approx(onset, abs=0.02)
    assert (
        page.run("document.querySelector('.mark-arrow').dataset.label")
        == f"reply {scores['response_latency_s']['value']:.2f} s"
    )


def test_a_call_plays_and_its_head_moves(page):
    open_clip(page, "tt-01")
    page.run("document.querySelector('.play').click()")
    assert page.until("[...document.querySelector('.call').querySelectorAll('audio')].every((each) => each.currentTime > 0.2)")
    assert page.until("Number(document.querySelector('.playhead').getAttribute('x1')) > 12")
    drift = "(([user, model]) => Math.abs(user.currentTime - model.currentTime))([...document.querySelectorAll('.call audio')])"
    assert page.until(f"{drift} < 0.06")
    page.press(" ")
    assert page.until("[...document.querySelectorAll('audio')].every((each) => each.paused)")


def test_a_click_on_a_lane_seeks(page):
    open_clip(page, "tt-01")
    page.until("document.querySelector('.call audio').readyState > 0")
    place = page.run(
        "(() => { const box = document.querySelector('.lanes').getBoundingClientRect(); return [box.left, box.top]; })()"
    )
    clicked = page.run(f"{SECONDS_AT}(300)")
    for kind in ("mousePressed", "mouseReleased"):
        page.call("Input.dispatchMouseEvent", type=kind, x=place[0] + 300, y=place[1] + 60, button="left", clickCount=1)
    assert page.run("document.querySelector('.call audio').currentTime") == pytest.approx(clicked, abs=0.05)


def test_keys_go_from_clip_to_clip_and_back(page):
    open_clip(page, "tt-01")
    page.press("j")
    assert page.until(f"{TITLE}.startsWith('tt-02')")
    page.press("ArrowRight")
    assert page.until(f"{TITLE}.startsWith('tt-03')")
    page.press("k")
    assert page.until(f"{TITLE}.startsWith('tt-02')")
    page.press("Escape")
    assert page.until("document.querySelectorAll('tbody tr[data-clip]').length === 3")
    assert page.run("document.activeElement.textContent") == "tt-02"


def test_it_fits_a_phone(page):
    page.call("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
    try:
        page.until("window.innerWidth === 390")
        assert page.run("document.documentElement.scrollWidth") <= 390
        open_clip(page, "tt-01")
        assert page.run("document.documentElement.scrollWidth") <= 390
    finally:
        page.call("Emulation.clearDeviceMetricsOverride")


def test_a_single_file_draws_and_plays(browser, pair, tmp_path):
    assert fdbench("report", pair[0], "--to", tmp_path / "all.html").status == 0
    browser.troubles.clear()
    browser.open((tmp_path / "all.html").as_uri())
    open_clip(browser, "tt-01")
    browser.run("document.querySelector('.play').click()")
    assert browser.until("document.querySelector('audio').currentTime > 0.1")
    assert browser.troubles == []


def test_the_page_itself_forbids_what_is_elsewhere(browser, report):
    browser.open(report.as_uri())
    refused = browser.run("""new Promise((resolve) => {
      addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
      document.body.append(h("img", { src: "http://127.0.0.1:9/elsewhere.png" }));
    })""")
    assert refused == "img-src"


@pytest.mark.parametrize("name", ["all.html", "page"])
def test_what_others_wrote_is_read_and_does_nothing(browser, pair, tmp_path, name):
    run = hostile_run(pair[0], tmp_path / "hostile")
    assert fdbench("report", run, "--to", tmp_path / name).status == 0
    browser.troubles.clear()
    target = tmp_path / name
    browser.open((target if target.is_file() else target / "index.html").as_uri())
    seen = HOSTILE.replace("\u202e", r"\u202e").replace("\u2028", r"\u2028").replace("\u2029", r"\u2029")
    assert browser.run("document.querySelector('h1').textContent") == seen
    assert browser.run("document.querySelector('.notes li').textContent") == seen
    open_clip(browser, "tt-01")
    assert browser.run("document.querySelector('.judged p').textContent") == seen
    assert browser.run("document.querySelector('.remarks li').textContent") == seen
    assert browser.run("[window.acted, document.images.length, document.querySelectorAll('main script').length]") == [
        None,
        0,
        0,
    ]
    assert browser.troubles == []


@pytest.mark.parametrize("name", ["call.html", "call"])
def test_a_single_call_of_any_origin_has_a_page(browser, tmp_path, name):
    sound = Audio(np.sin(np.arange(32000) / 20).astype(np.float32) / 2, 16000)
    lanes, files = [], {}
    for role in ("user", "model"):
        write_flac(tmp_path / f"{role}.flac", sound)
        files[f"audio/{role}.flac"] = tmp_path / f"{role}.flac"
        peaks, hz = peaks_of(sound)
        lanes.append(Lane(role, role, 0.0, 2.0, peaks, hz, f"audio/{role}.flac", words=(Piece(0.5, 0.9, "<b>hello</b>"),)))
    drawn = Drawn(tuple(lanes), (Mark("arrow", 0.5, 1.25, "gap 0.75 s"),), why="One gap.")
    page = write_call_page(tmp_path / name, "A call", drawn, files)
    browser.troubles.clear()
    browser.open(page.path.as_uri())
    assert browser.run("document.querySelector('.why').textContent") == "One gap."
    shaft = "document.querySelector('.mark-arrow .shaft')"
    drawn_s = browser.run(f"['x1', 'x2'].map((side) => {SECONDS_AT}(Number({shaft}.getAttribute(side))))")
    assert drawn_s == [pytest.approx(0.5, abs=0.01), pytest.approx(1.25, abs=0.01)]
    assert browser.run("document.querySelector('.word').firstChild.textContent") == "<b>hello</b>"
    browser.press(" ")
    assert browser.until("[...document.querySelectorAll('audio')].every((each) => each.currentTime > 0.1)")
    assert browser.troubles == []


def test_neither_does_a_clip_or_a_word_of_the_data(browser, tmp_path):
    make_v1_tree(tmp_path / "data", "--clips", 1)
    (clip,) = (path.parent for path in (tmp_path / "data").rglob("turn_taking.json"))
    name = '<img src=x onerror="window.acted=1">\u202e'
    clip = clip.rename(clip.with_name(name))
    words = json.loads((clip / "transcription.json").read_text())
    words["chunks"][0]["text"] = HOSTILE
    (clip / "transcription.json").write_text(json.dumps(words))
    options = ("--tasks", "v1/turn_taking.candor", "--limit", "1", "--asr", "none", "--protocol", "fdbench")
    done = fdbench("run", "--model", "vad-endpointer", *options, "--data", tmp_path / "data", "--out", tmp_path / "runs")
    assert done.status == 0, done.err
    assert fdbench("report", done.run, "--data", tmp_path / "data", "--to", tmp_path / "page").status == 0
    browser.troubles.clear()
    browser.open((tmp_path / "page/index.html").as_uri())
    open_clip(browser, name.replace("\u202e", r"\u202e"))
    said = browser.run("document.querySelector('.said li span').textContent")
    assert said.startswith("</script><script>window.acted=1</script><img")
    assert browser.run("window.acted") is None
    assert browser.run("document.querySelectorAll('img, main script').length") == 0
    assert browser.troubles == []
