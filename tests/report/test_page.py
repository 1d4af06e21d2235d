from html.parser import HTMLParser

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pytest
from jinja2 import UndefinedError

from scripts.page import write_page

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


TEMPLATE = """
{% extends "page.html" %}
{% from "parts.html" import section, notice, table, figure, gallery with context %}
{% block body %}
{{ section("First & last") }}{{ section("First & last") }}
<p>{{ text }}</p>
{{ notice("failed", "two patients & one scan") }}
{{ table(["name", "n", "share"], rows, "Counts") }}
{% for caption, drawn in drawings %}{{ figure(drawn, caption) }}{% endfor %}
{{ gallery(pictures) }}
{% endblock %}
"""


@pytest.fixture
def write(tmp_path):
    """Write a page of every part; return its text."""

    def write_parts(name="page.html", **changes):
        (tmp_path / "template.html").write_text(TEMPLATE)
        content = {
            "text": "1 < 2",
            "rows": [["a<b", 3, 0.5], ["absent", 0, None]],
            "drawings": [("A line", drawing()), ("The same line", drawing())],
            "pictures": [(b"\x89PNG", "a picture")],
        }
        path = tmp_path / name
        write_page(path, tmp_path / "template.html", "A <title>", "as of today", **(content | changes))
        return path.read_text()

    return write_parts


@pytest.fixture
def written(write):
    return write()


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
    for piece in ("A &lt;title&gt;", "1 &lt; 2", "a&lt;b", "<b>Failed</b>: two patients &amp; one scan"):
        assert piece in written
    for cell in (
        '<td class="number">3</td>',
        '<td class="number">0.500</td>',
        '<td class="number">\N{EN DASH}</td>',
        '<th scope="row">a&lt;b</th>',
    ):
        assert cell in written


def test_settings_are_written_as_yaml_not_as_python(write):
    page = write(rows=[["window", 1, {"level": -500, "names": ["a<b", None]}]])
    assert "<td><pre>level: -500\nnames: [a&lt;b, null]</pre></td>" in page and "{&" not in page


def test_a_reader_by_keyboard_or_ear_reaches_the_content_and_the_sections(written):
    assert written.index('<a class="skip" href="#main">') < written.index("<nav aria-label=")
    assert written.index("<nav aria-label=") < written.index('<main id="main">') < written.index("<footer>")


def test_equal_figures_give_equal_bytes(write):
    assert write("a.html") == write("b.html")


def test_a_row_of_another_length_is_refused(write):
    with pytest.raises(ValueError, match="has 1 cells for 3 columns"):
        write(rows=[["x"]])


def test_what_a_template_names_and_nobody_gave_is_an_error_not_a_gap(write, tmp_path):
    (tmp_path / "other.html").write_text(
        '{% extends "page.html" %}{% block body %}{{ missing }}{% endblock %}'
    )
    with pytest.raises(UndefinedError, match="'missing' is undefined"):
        write_page(tmp_path / "page.html", tmp_path / "other.html", "title")
