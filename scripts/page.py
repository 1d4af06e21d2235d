"""Self-contained HTML pages: tables and figures in one file that opens offline, in print and on a phone."""

import base64
import html
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

__all__ = ["PALETTE", "Page"]

# Okabe and Ito's colours, which those with any of the common colour blindnesses tell apart.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 64rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; }
body { color: #1a1a1a; background: #fff; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0.5rem 0; }
h2 { font-size: 1.2rem; margin: 2rem 0 0.5rem; padding-top: 0.5rem; border-top: 1px solid #bbb; }
nav a { display: inline-block; margin-right: 1rem; }
a { color: #0072B2; }
.wide { overflow-x: auto; margin: 0.5rem 0 1rem; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 0.25rem 0; }
th, td { padding: 0.2rem 0.6rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #888; }
td.number { text-align: right; white-space: nowrap; }
figure { margin: 0.5rem 1rem 1rem 0; break-inside: avoid; }
figure { display: inline-block; vertical-align: top; max-width: 100%; }
figure svg, figure img { max-width: 100%; height: auto; }
figcaption { font-size: 0.9rem; color: #444; max-width: 28rem; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 0.75rem; }
.gallery figure { margin: 0; }
.gallery img { width: 100%; }
.notice { margin: 0.4rem 0; padding: 0.4rem 0.8rem; border-left: 0.4rem solid; background: #f6f6f6; }
.notice { break-inside: avoid; }
.passed { border-color: #009E73; } .warning { border-color: #E69F00; } .failed { border-color: #D55E00; }
@media print {
  body { max-width: none; font-size: 10pt; }
  nav { display: none; }
  .wide { overflow: visible; }
}
"""

Verdict = Literal["passed", "warning", "failed"]


class Page:
    """An HTML page that is filled from top to bottom; text is escaped, nothing is loaded from elsewhere.

    Args:
        title: of the page.
        subtitle: one line below it.
    """

    def __init__(self, title: str, subtitle: str = "") -> None:
        self.title = title
        self.subtitle = subtitle
        self.sections: list[tuple[str, str]] = []
        self.body: list[str] = []

    def section(self, title: str) -> None:
        """Begin a section; the page's navigation lists it."""
        anchor = re.sub(r"\W+", "-", title.lower()).strip("-")
        taken = {name for name, _ in self.sections}
        while anchor in taken:
            anchor += "-again"
        self.sections.append((anchor, title))
        self.body.append(f'<h2 id="{anchor}">{html.escape(title)}</h2>')

    def text(self, *paragraphs: str) -> None:
        """Add paragraphs."""
        self.body += [f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs]

    def notice(self, verdict: Verdict, text: str) -> None:
        """Add a line that says its verdict in words, not by colour alone."""
        self.body.append(f'<p class="notice {verdict}"><b>{verdict}</b>: {html.escape(text)}</p>')

    def table(self, header: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "") -> None:
        """Add a table; it scrolls by itself where the screen is narrower.

        Args:
            header: of the columns.
            rows: of cells: text and whole numbers as they are, floats with three decimals, None as a dash.
            caption: above it.

        Raises:
            ValueError: a row has not one cell a column.
        """
        head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in header)
        lines = []
        for row in rows:
            if len(row) != len(header):
                raise ValueError(f"row {row!r} has {len(row)} cells for {len(header)} columns")
            lines.append(f"<tr>{''.join(map(_cell, row))}</tr>")
        title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
        self.body.append(
            f'<div class="wide"><table>{title}<thead><tr>{head}</tr></thead>'
            f"<tbody>{''.join(lines)}</tbody></table></div>"
        )

    def figure(self, figure: Any, caption: str = "") -> None:
        """Add a matplotlib figure as SVG, and close it.

        Args:
            figure: a ``matplotlib.figure.Figure``.
            caption: below it; also what a screen reader reads.
        """
        import matplotlib
        import matplotlib.pyplot as plt

        text = io.StringIO()
        with matplotlib.rc_context({"svg.hashsalt": caption, "svg.fonttype": "none"}):
            figure.savefig(text, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
        plt.close(figure)
        drawing = text.getvalue()
        drawing = drawing[drawing.index("<svg") :]
        prefix = f"figure{len(self.body)}-"  # ids must differ between the drawings of a page
        drawing = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}", drawing)
        drawing = drawing.replace("<svg", f'<svg role="img" aria-label="{html.escape(caption)}"', 1)
        self.body.append(f"<figure>{drawing}{_caption(caption)}</figure>")

    def gallery(self, pictures: Iterable[tuple[bytes, str]]) -> None:
        """Add pictures side by side, as many as the screen has room for.

        Args:
            pictures: PNG files' bytes, each with its caption.
        """
        figures = [
            f'<figure><img alt="{html.escape(caption)}" src="data:image/png;base64,'
            f'{base64.b64encode(png).decode()}">{_caption(caption)}</figure>'
            for png, caption in pictures
        ]
        self.body.append(f'<div class="gallery">{"".join(figures)}</div>')

    def write(self, path: str | Path) -> None:
        """Write the page as one UTF-8 file."""
        links = "".join(f'<a href="#{anchor}">{html.escape(title)}</a>' for anchor, title in self.sections)
        Path(path).write_text(
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html.escape(self.title)}</title><style>{STYLE}</style></head><body>\n"
            f"<h1>{html.escape(self.title)}</h1><p>{html.escape(self.subtitle)}</p><nav>{links}</nav>\n"
            + "\n".join(self.body)
            + "\n</body></html>\n",
            encoding="utf-8",
        )


def _cell(value: Any) -> str:
    if value is None:
        return '<td class="number">&ndash;</td>'
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"<td>{html.escape(str(value))}</td>"
    return (
        f'<td class="number">{value:.3f}</td>'
        if isinstance(value, float)
        else f'<td class="number">{value}</td>'
    )


def _caption(caption: str) -> str:
    return f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
