"""Self-contained HTML pages: tables and figures in one file that opens offline, in print and on a phone.

A page is a Jinja2 template that extends ``templates/page.html`` and takes its parts from
``templates/parts.html``; all text is escaped.
"""

import base64
import html
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts import bundle_version
from scripts.files import write_whole

__all__ = ["JOIN", "colour", "interval_text", "link_to", "spread_text", "write_page"]

TEMPLATES = Path(__file__).with_name("templates")
JOIN = "\N{NO-BREAK SPACE}"
# Okabe and Ito's colours, which those with any of the common colour blindnesses tell apart.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def write_page(
    path: str | Path, template: str | Path, title: str, subtitle: str = "", **content: Any
) -> None:
    """Fill a template and write the page as one UTF-8 file.

    Args:
        path: of the page.
        template: a file that extends ``page.html``.
        title: of the page.
        subtitle: one line below it.
        content: what the template names.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folders = [Path(template).parent, TEMPLATES]
    environment = Environment(
        loader=FileSystemLoader(folders), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "cell": _cell, "interval": interval_text, "spread": spread_text, "rows_of": _rows_of,
        "base64": lambda content: base64.b64encode(content).decode(),
    }  # fmt: skip
    page = _Page(title, subtitle)
    text = environment.get_template(Path(template).name).render(
        page=page, version=bundle_version(), **content
    )
    write_whole(path, text)


def colour(index: int) -> str:
    """Return a colour that the colour-blind tell from those of the six indices before it."""
    return PALETTE[index % len(PALETTE)]


def interval_text(found: Mapping[str, Any] | None) -> str | None:
    """Return a value and its interval as text.

    The spaces within the brackets do not break.

    Example:
        >>> interval_text({"value": 0.5, "interval_95_percent": [0.41, 0.6]}).replace(JOIN, " ")
        '0.500 (0.410 to 0.600)'
    """
    if found is None or found["value"] is None:
        return None
    interval = found["interval_95_percent"]
    value = f"{found['value']:.3f}"
    return value if interval is None else f"{value} ({interval[0]:.3f}{JOIN}to{JOIN}{interval[1]:.3f})"


def spread_text(found: Mapping[str, Any], digits: int = 3) -> str | None:
    """Return mean ± standard deviation.

    Example:
        >>> spread_text({"mean": 0.5, "standard_deviation": 0.1}).replace(JOIN, " ")
        '0.500 ± 0.100'
    """
    if found["mean"] is None:
        return None
    deviation = found["standard_deviation"]
    return f"{found['mean']:.{digits}f}" + (
        "" if deviation is None else f"{JOIN}±{JOIN}{deviation:.{digits}f}"
    )


def link_to(section: str) -> Any:
    """Return a link to the first section of the page with this title."""
    from markupsafe import Markup

    return Markup('<a href="#{}">{}</a>').format(_anchor(section), section)


class _Page:
    """What a template asks of its page: anchors of sections, and drawings whose ids are unique."""

    def __init__(self, title: str, subtitle: str) -> None:
        self.title = title
        self.subtitle = subtitle
        self.sections: list[tuple[str, str]] = []
        self.drawings = 0

    def anchor(self, title: str) -> str:
        """Begin a section, which the page's navigation lists; return its id."""
        anchor = _anchor(title)
        taken = {name for name, _ in self.sections}
        while anchor in taken:
            anchor += "-again"
        self.sections.append((anchor, title))
        return anchor

    def drawing(self, figure: Any, caption: str) -> Any:
        """Return a ``matplotlib.figure.Figure`` as SVG, the caption being what a screen reader reads."""
        import matplotlib
        import matplotlib.pyplot as plt
        from markupsafe import Markup

        text = io.StringIO()
        with matplotlib.rc_context({"svg.hashsalt": caption, "svg.fonttype": "none"}):
            figure.savefig(text, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
        plt.close(figure)
        drawing = text.getvalue()
        drawing = drawing[drawing.index("<svg") :]
        self.drawings += 1
        prefix = f"figure{self.drawings}-"  # ids must differ between the drawings of a page
        drawing = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}", drawing)
        return Markup(drawing.replace("<svg", f'<svg role="img" aria-label="{html.escape(caption)}"', 1))


def _anchor(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def _rows_of(rows: Iterable[Sequence[Any]], columns: int) -> list[Sequence[Any]]:
    """Return the rows of a table.

    Raises:
        ValueError: a row has not one cell a column.
    """
    found = list(rows)
    for row in found:
        if len(row) != columns:
            raise ValueError(f"row {row!r} has {len(row)} cells for {columns} columns")
    return found


def _cell(value: Any, header: bool = False) -> Any:
    """Return a cell: text and whole numbers as they are, floats with three decimals, None as a dash.

    Args:
        value: of the cell; lists and mappings are written as YAML.
        header: whether the cell names its row.
    """
    from markupsafe import Markup

    kind, content = ' class="number"', value
    if value is None:
        content = "\N{EN DASH}"
    elif isinstance(value, float):
        content = f"{value:.3f}"
    elif isinstance(value, Mapping | list):
        kind, content = "", Markup("<pre>{}</pre>").format(_yaml(value))
    elif isinstance(value, bool) or not isinstance(value, int):
        kind = ""
    opening, tag = ('th scope="row"', "th") if header else ("td", "td")
    return Markup("<{}{}>{}</{}>").format(Markup(opening), Markup(kind), content, tag)


def _yaml(value: Any) -> str:
    import yaml

    return yaml.safe_dump(value, sort_keys=False, default_flow_style=None, width=100).rstrip()
