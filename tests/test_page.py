from html.parser import HTMLParser

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pytest

from scripts.page import Page

VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Collect ids and links, and check that every tag is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.sources = [], [], [], []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.links += [attributes[key] for key in ("href", "xlink:href") if key in attributes]
        self.sources += [attributes["src"]] if "src" in attributes else []
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def drawing():
    figure, axes = plt.subplots(figsize=(2, 1))
    axes.plot([0, 1], [1, 0])
    return figure


@pytest.fixture
def written(tmp_path):
    page = Page("A <title>", "as of today")
    page.section("First & last")
    page.section("First & last")
    page.text("1 < 2")
    page.notice("failed", "two patients & one scan")
    page.table(["name", "n", "share"], [["a<b", 3, 0.5], ["absent", 0, None]], "Counts")
    page.figure(drawing(), "A line")
    page.figure(drawing(), "The same line")
    page.gallery([(b"\x89PNG", "a picture")])
    page.write(tmp_path / "page.html")
    return (tmp_path / "page.html").read_text()


def test_the_page_is_whole_and_loads_nothing_from_elsewhere(written):
    reader = Reader()
    reader.feed(written)
    assert reader.open == []
    assert all(source.startswith("data:") for source in reader.sources)
    assert reader.links and all(link.startswith("#") for link in reader.links)


def test_ids_are_unique_and_every_link_has_its_target(written):
    reader = Reader()
    reader.feed(written)
    assert len(reader.ids) == len(set(reader.ids))
    assert {link[1:] for link in reader.links} <= set(reader.ids)


def test_text_is_escaped_and_numbers_are_aligned(written):
    for piece in ("A &lt;title&gt;", "1 &lt; 2", "a&lt;b", "<b>failed</b>: two patients &amp; one scan"):
        assert piece in written
    for cell in (
        '<td class="number">3</td>',
        '<td class="number">0.500</td>',
        '<td class="number">&ndash;</td>',
    ):
        assert cell in written


def test_equal_figures_give_equal_bytes(tmp_path):
    for name in ("a", "b"):
        page = Page("t")
        page.figure(drawing(), "A line")
        page.write(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="has 1 cells for 2 columns"):
        Page("t").table(["a", "b"], [["x"]])
