"""The site in a browser: what a reader of each page would see, hear and wait for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import DESKTOP, ROOT, SITE, Visit
from playwright.sync_api import Page, ViewportSize, expect

PHONE = ViewportSize(width=390, height=844)
TALL = ViewportSize(width=1280, height=2400)
SCREENSHOTS = ROOT / "build" / "screenshots"

files = [file for file in sorted(SITE.rglob("*.html")) if "_static" not in file.parts]
PAGES = [file.relative_to(SITE).as_posix() for file in files]
# Pages that are all made in one way: the code of the package's modules, and their documentation.
CODE = [page for page in PAGES if page.startswith("_modules/d2lmini/")]
MODULES = [page for page in PAGES if page.startswith("api/")]
ALOUD = [page for page in PAGES if page not in CODE[1:]]
DARK = [page for page in ALOUD if page not in MODULES[1:]]

Faults = list[Any]


# --- what is looked for on a page ---------------------------------------------------------------


def missing_pictures(page: Page) -> Faults:
    script = (
        "[...document.images].filter(image => !image.complete || !image.naturalWidth).map(image => image.src)"
    )
    return page.evaluate(script)


def bare_formulas(page: Page) -> Faults:
    """Formulas that MathJax hasn't set, or has set as an error."""
    script = """[...document.querySelectorAll(".math")]
        .filter(formula => !formula.querySelector("mjx-math") || formula.querySelector("mjx-merror"))
        .map(formula => formula.textContent)"""
    return page.evaluate(script)


def sideways(page: Page) -> Faults:
    """How much wider than the window the page is, in pixels."""
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [wider] if wider else []


def barriers(page: Page, rules: list[str] | None = None) -> Faults:
    """What axe-core calls a serious or critical fault of accessibility, with everything unfolded.

    Of each kind of word in the code one is left to it: the colours of thousands would take a minute a page.
    """
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    page.evaluate("""() => {
        const seen = new Set()
        for (const word of document.querySelectorAll("pre span"))
            if (seen.has(word.className)) word.replaceWith(...word.childNodes)
            else seen.add(word.className)
    }""")
    options: dict[str, Any] = {
        "resultTypes": ["violations"],
        "preload": False,
    }  # it would load style sheets again
    if rules:
        options["runOnly"] = rules
    found = Axe().run(page, options=options).response["violations"]
    serious = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    return [
        (rule["id"], node["target"], node["failureSummary"]) for rule in serious for node in rule["nodes"]
    ]


@pytest.mark.parametrize(
    ("look", "html"),
    [
        (missing_pictures, '<img alt="" src="data:image/png;base64,">'),
        (bare_formulas, '<span class="math">\\(n\\)</span>'),
        (bare_formulas, '<p class="math"><mjx-math><mjx-merror>?</mjx-merror></mjx-math></p>'),
        (sideways, '<div style="width: 1300px">wide</div>'),
        (barriers, '<p style="color: #bbb; background: #fff">pale</p>'),
        (barriers, "<details><summary>More</summary><button></button></details>"),
        (barriers, '<pre><span class="c1" style="color: #bbb"># pale</span></pre>'),
    ],
)
def test_a_fault_would_be_found(look: Callable[[Page], Faults], html: str, visit: Visit) -> None:
    page = visit("references.html")
    assert not look(page)
    page.evaluate("html => document.querySelector('article').insertAdjacentHTML('afterbegin', html)", html)
    page.wait_for_function("[...document.images].every(image => image.complete)")
    assert look(page)


@pytest.mark.parametrize(
    "script",
    [
        "console.error('oh')",
        "setTimeout(() => { throw new Error('oh') })",
        "fetch('nowhere.json')",
        "new Image().src = 'http://127.0.0.2:9/'",
    ],
)
def test_an_error_would_be_noticed(script: str, visit: Visit) -> None:
    page = visit("references.html")
    page.evaluate(f"{{ {script} }}")
    page.wait_for_load_state("networkidle")
    assert visit.noticed()


# --- each page ----------------------------------------------------------------------------------


@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_whole(address: str, visit: Visit) -> None:
    """And, as of every page that is visited: no error, no file that isn't there, no request elsewhere."""
    page = visit(address)
    assert page.get_by_role("heading").count() and not missing_pictures(page) and not bare_formulas(page)


@pytest.mark.parametrize("address", PAGES)
def test_a_page_fits_a_phone(address: str, visit: Visit) -> None:
    assert not sideways(visit(address, size=PHONE))


@pytest.mark.parametrize("address", ALOUD)
def test_a_page_can_be_used_by_everybody(address: str, visit: Visit) -> None:
    assert not barriers(visit(address))


@pytest.mark.parametrize("address", DARK)
def test_a_dark_page_can_be_read(address: str, visit: Visit) -> None:
    assert not barriers(visit(address, theme="dark"), rules=["color-contrast"])


# --- what a reader does -------------------------------------------------------------------------


def background(page: Page) -> int:
    """How light the page is, from 0 to 255."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return max(map(int, re.findall(r"\d+", colour)[:3]))


def test_the_site_is_as_dark_as_the_readers_system(visit: Visit) -> None:
    assert background(visit("03_stride.html", theme="light")) > 240
    assert background(visit("03_stride.html", theme="dark")) < 40


def test_a_reader_chooses_the_dark_and_it_stays(visit: Visit) -> None:
    page = visit("03_stride.html")
    page.get_by_role("button", name="Color mode").click()
    page.get_by_role("button", name="Dark").click()
    assert background(page) < 40
    page.goto(f"{visit.site}/04_channels.html")
    assert background(page) < 40


def test_the_search_finds_stride(visit: Visit) -> None:
    page = visit("index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("stride")
    page.keyboard.press("Enter")
    found = page.locator("#search-results li")
    expect(page.get_by_text(re.compile(r"found \d+ pages? matching"))).to_be_visible()
    assert found.count() > 10
    quotations = found.locator("p.context")
    quotations.nth(5).wait_for()
    assert not [text for text in quotations.all_inner_texts() if "System Settings" in text]
    found.get_by_role("link", name=re.compile("Stride")).first.click()
    expect(page).to_have_url(re.compile(r"/03_stride\.html"))


def test_the_keyboard_is_enough(visit: Visit) -> None:
    page = visit("index.html")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    page.keyboard.press("Enter")
    chapter = page.get_by_role("article").get_by_role("link", name="3 Stride")
    for _ in range(30):
        page.keyboard.press("Tab")
        if chapter.evaluate("link => link == document.activeElement"):
            break
    assert chapter.evaluate("link => getComputedStyle(link).outlineStyle") != "none"
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/03_stride\.html"))


@pytest.mark.parametrize("kind", ["details:not(.hide)", "details.hide"])
def test_the_keyboard_unfolds_a_solution(kind: str, visit: Visit) -> None:
    page = visit("03_stride.html")
    fold = page.locator(f"article {kind}").first
    inside = fold.locator("> :not(summary)").first
    expect(inside).to_be_hidden()
    fold.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(inside).to_be_visible()
    page.keyboard.press("Space")
    expect(inside).to_be_hidden()


# --- time ---------------------------------------------------------------------------------------


def weight(address: str) -> int:
    """The bytes of a page and its pictures."""
    text = (SITE / address).read_text(encoding="utf-8")
    return len(text) + sum(
        (SITE / name).stat().st_size for name in set(re.findall(r'src="(_images/[^"]+)"', text))
    )


def test_the_largest_page_loads_in_two_seconds(visit: Visit) -> None:
    """With its pictures and its formulas; the best of three, as something else may run."""
    times = []
    for _ in range(3):
        page = visit(max(PAGES, key=weight))
        times.append(page.evaluate("performance.now()"))
    assert min(times) < 2000


# --- to look at ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "address", "theme", "size"),
    [
        ("home", "index.html", "light", TALL),
        ("chapter", "03_stride.html", "light", TALL),
        ("chapter-dark", "03_stride.html", "dark", TALL),
        ("chapter-phone", "03_stride.html", "light", PHONE),
        ("figures-dark", "14_transposed_convolution.html#figure-14-1", "dark", TALL),
        ("problem-set", "ps1.html", "light", TALL),
        ("glossary", "glossary.html", "light", TALL),
        ("package", "api/conv.html", "light", TALL),
        ("search", "search.html?q=stride", "light", DESKTOP),
    ],
)
def test_a_screenshot_is_kept(name: str, address: str, theme: str, size: ViewportSize, visit: Visit) -> None:
    page = visit(address, theme=theme, size=size)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=size == PHONE)
