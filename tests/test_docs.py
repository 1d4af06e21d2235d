"""The pages: relative links lead somewhere, each page is reached from the README, lines are short."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page):
    return [target for target in LINK.findall(page.read_text()) if "://" not in target]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page):
    for target in links(page):
        name, _, anchor = target.partition("#")
        place = (page.parent / name).resolve() if name else page
        assert place.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(place), f"{page.name}: {target}"


def test_every_page_is_reached_from_the_readme():
    reached, left = set(), [ROOT / "README.md"]
    while left:
        page = left.pop()
        if page not in reached:
            reached.add(page)
            found = {(page.parent / target.partition("#")[0]).resolve() for target in links(page)}
            left += [place for place in found if place.suffix == ".md"]
    assert set(PAGES) <= reached


SHORT = [page for page in PAGES if page.parent == ROOT or page.name in ("install.md", "tutorial.md")]


@pytest.mark.parametrize("page", SHORT, ids=lambda page: page.name)
def test_no_line_of_prose_is_longer_than_120_characters(page):
    unbroken = ("|", "    ") if page.parent != ROOT else ()  # in docs/ tables and commands may be wide
    lines = [line for line in page.read_text().splitlines() if not line.startswith(unbroken)]
    assert [line for line in lines if len(line) > 120] == []


def test_pictures_of_the_pages_are_files_that_are_shown():
    shown = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in links(page)
        if target.endswith(".png")
    }
    assert shown == {path.resolve() for path in (ROOT / "docs" / "images").iterdir()}
