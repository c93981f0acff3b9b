"""The caption page: its colours, measured; and in a browser, marked slow."""

import re
import shutil
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from tap_live import service

PAGE = Path(service.__file__).parent / "page"
# Machado, Oliveira and Fernandes 2009: how linear RGB looks to eyes that lack one kind of cone
EYES = {
    "all": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                 [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
       [0.0193339, 0.1191920, 0.9503041]]  # fmt: skip


def themes():
    css = (PAGE / "page.css").read_text()
    blocks = re.findall(r'^:root(?:\[data-theme="light"\])? \{(.*?)\}', css, re.S | re.M)[:2]
    return [dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in blocks]


def linear(colour):
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    dark, light = sorted(float(XYZ[1] @ linear(colour)) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def lab(rgb):
    ratio = XYZ @ np.clip(rgb, 0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("theme", themes(), ids=["dark", "light"])
def test_everything_can_be_read_on_its_ground(theme):
    for name in ("ink", "soft"):
        assert contrast(theme[name], theme["paper"]) >= 7
    for name in ("ok", "wait", "off", "s0", "s1", "s2", "s3", "s4", "s5"):
        assert contrast(theme[name], theme["paper"]) >= 4.5


@pytest.mark.parametrize("theme", themes(), ids=["dark", "light"])
@pytest.mark.parametrize(
    ("eyes", "distance"), [("all", 35), ("no red", 20), ("no green", 20), ("no blue", 12)]
)
def test_speakers_can_be_told_apart_by_all_eyes(theme, eyes, distance):
    seen = [lab(EYES[eyes] @ linear(theme[f"s{n}"])) for n in range(6)]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) >= distance


def test_the_page_loads_nothing_from_anywhere_else():
    for path in PAGE.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//[a-z]+\.|@import|url\(", text), path.name


# In a browser


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs a chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Open the page of a service; anything that it complains about fails the test."""
    contexts, complaints = [], []

    def open_page(service, query="", width=1280, height=720, expect_complaints=False):
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        if not expect_complaints:
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda line: complaints.append(line.text))
        page.goto(f"http://127.0.0.1:{service.port}/{query}")
        return page

    yield open_page
    heard = list(complaints)  # what comes now is that the service has gone
    for context in contexts:
        context.close()
    assert heard == []


def finals(page):
    return [text.strip() for text in page.locator(".final").all_text_contents()]


def wait_for(page, text, kind="final"):
    page.locator(f".{kind}", has_text=text).first.wait_for(timeout=10_000)


def is_live(page):
    page.locator("body[data-state=live]").wait_for(timeout=10_000)


@pytest.mark.slow
def test_a_partial_turns_final_in_its_place(engine, open_page):
    with engine.serving() as service:
        page = open_page(service)
        is_live(page)
        engine.say("Good mor", id=1, state="partial", speaker="ana")
        wait_for(page, "Good mor", "partial")
        engine.say("Good morning", id=1, state="partial", speaker="ana", revision=1)
        wait_for(page, "Good morning", "partial")
        engine.say("Good morning.", id=1, speaker="ana")
        wait_for(page, "Good morning.")
        assert page.locator(".partial").count() == 0
        engine.say("Hello.", id=2, speaker="bo")
        wait_for(page, "Hello.")
        assert page.locator(".turn").count() == 2
        assert page.locator(".name").all_text_contents() == ["ana", "bo"]
        colours = {
            turn.evaluate("e => getComputedStyle(e.querySelector('.name')).color")
            for turn in page.locator(".turn").all()
        }
        assert len(colours) == 2


@pytest.mark.slow
def test_one_who_comes_later_reads_what_was_said_before(engine, open_page):
    with engine.serving() as service:
        for n in range(5):
            engine.say(f"line {n}", id=n)
        engine.say("and now", id=9, state="partial")
        page = open_page(service)
        wait_for(page, "and now", "partial")
        assert finals(page) == [f"line {n}" for n in range(5)]


@pytest.mark.slow
def test_a_restart_of_the_server_leaves_no_gap_and_no_duplicate(engine, open_page):
    with engine.serving() as service:
        page = open_page(service, expect_complaints=True)  # that it cannot connect
        is_live(page)
        for n in range(3):
            engine.say(f"before {n}", id=n)
        engine.say("half a", id=3, state="partial")
        wait_for(page, "half a", "partial")
        port = service.port
    page.locator("body[data-state=waiting]").wait_for()
    events = engine.bus.subscribe()
    engine.say("half a word", id=3)
    for n in range(4, 8):
        engine.say(f"meanwhile {n}", id=n)
    while (event := events.get(0)) is not None:
        engine.hub.publish(event)  # as a service would have that nobody could reach
    with engine.serving(port=port, hello=False):
        is_live(page)
        engine.say("after", id=8)
        wait_for(page, "after")
        assert finals(page) == [
            *("before 0", "before 1", "before 2", "half a word"),
            *(f"meanwhile {n}" for n in range(4, 8)),
            "after",
        ]
        assert page.locator(".partial").count() == 0


@pytest.mark.slow
def test_another_engine_on_the_same_port_is_told_of_and_begins_anew(engine, open_page):
    with engine.serving() as service:
        page = open_page(service, expect_complaints=True)
        is_live(page)
        for n in range(20):
            engine.say(f"old {n}", id=n)
        wait_for(page, "old 19")
        port = service.port
    page.locator("body[data-state=waiting]").wait_for()
    other = type(engine)()
    other.hub.stream = "two"
    with other.serving(port=port):
        other.say("new", id=0)
        wait_for(page, "new")
        assert finals(page) == [*(f"old {n}" for n in range(20)), "new"]
        assert "started anew" in page.locator(".note").text_content()


@pytest.mark.slow
def test_the_end_of_a_stream_is_said_and_its_words_stay(engine, open_page):
    with engine.serving() as service:
        page = open_page(service, expect_complaints=True)
        is_live(page)
        engine.say("The end.", id=1)
        engine.bye()
        page.locator("body[data-state=ended]").wait_for()
    assert finals(page) == ["The end."]
    assert page.locator("#status-text").text_content() == "The stream has ended"


@pytest.mark.slow
def test_words_are_never_read_as_html(engine, open_page):
    evil = "<img src=x onerror=alert(1)>"
    with engine.serving() as service:
        page = open_page(service)
        engine.say(evil, id=1, speaker=evil)
        wait_for(page, evil)
        assert page.locator("main img").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 1280, 1920])
def test_nothing_is_wider_than_the_screen(engine, open_page, width):
    with engine.serving() as service:
        page = open_page(service, width=width)
        engine.say("Donaudampfschifffahrtselektrizitätenhauptbetriebswerk " * 3, id=1)
        engine.say("Name", id=2, speaker="a name of forty letters without any end")
        wait_for(page, "Name")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("captions.scrollWidth - captions.clientWidth") <= 0
        assert page.locator("header").bounding_box()["height"] < 120


@pytest.mark.slow
def test_over_a_picture_all_is_transparent_but_the_last_lines(engine, open_page):
    with engine.serving() as service:
        page = open_page(service, "?obs")
        for n in range(6):
            engine.say(f"line {n}.", id=n, speaker="ab"[n % 2])
        wait_for(page, "line 5.")
        assert finals(page) == ["line 3.", "line 4.", "line 5."]
        assert not page.locator("header").is_visible()
        engine.say("and so on " * 200 + "to the end", id=7, speaker="a")
        wait_for(page, "to the end")
        line = page.evaluate("parseFloat(getComputedStyle(captions).lineHeight)")
        shown = page.locator("main").bounding_box()
        assert shown["height"] == pytest.approx(3 * line, abs=1)
        newest = page.locator(".turn").last.bounding_box()
        assert newest["y"] + newest["height"] <= shown["y"] + shown["height"] + 1
        assert page.locator("main").bounding_box()["y"] > 500
        grounds = page.evaluate(
            "[document.documentElement, document.body].map(e => getComputedStyle(e).background)"
        )
        assert all("rgba(0, 0, 0, 0)" in ground for ground in grounds)


@pytest.mark.slow
def test_who_scrolls_up_is_left_there_and_can_come_back(engine, open_page):
    with engine.serving() as service:
        page = open_page(service, height=400)
        for n in range(30):
            engine.say(f"line {n}", id=n, speaker="ab"[n % 2])
        wait_for(page, "line 29")
        page.evaluate("captions.scrollTop = 0")
        page.locator("#latest").wait_for(state="visible")
        engine.say("newest", id=30)
        wait_for(page, "newest")
        assert page.evaluate("captions.scrollTop") < 5
        page.locator("#latest").click()
        page.locator("#latest").wait_for(state="hidden")
        assert (
            page.evaluate("captions.scrollHeight - captions.scrollTop - captions.clientHeight") < 40
        )


@pytest.mark.slow
def test_how_it_looks_is_kept(engine, open_page):
    with engine.serving() as service:
        page = open_page(service, expect_complaints=True)
        before = page.evaluate("document.documentElement.dataset.theme")
        page.locator("#theme").click()
        page.locator("#larger").click()
        size = page.evaluate("getComputedStyle(captions).fontSize")
        page.reload()
        assert page.evaluate("document.documentElement.dataset.theme") != before
        assert page.evaluate("getComputedStyle(captions).fontSize") == size


@pytest.mark.slow
def test_a_link_lets_a_browser_in_from_the_network_once(engine, open_page, monkeypatch):
    monkeypatch.setattr("tap_live.service.connection.is_loopback", lambda address: False)
    with engine.serving() as service:
        engine.say("for those let in", id=1)
        query = f"#code={engine.access.new_code()}"
        page = open_page(service, query)
        wait_for(page, "for those let in")
        assert "#" not in page.url
        assert page.evaluate("document.cookie") == ""  # scripts cannot read it
        page.reload()
        wait_for(page, "for those let in")
        stranger = open_page(service, query, expect_complaints=True)
        stranger.locator("body[data-state=refused]").wait_for()
        assert finals(stranger) == []
