"""The bricks of a page: words, sections, tables and cards as HTML; and the page around them."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

__all__ = ["cards", "page", "section", "table", "text"]

_HERE = Path(__file__).parent


def page(title: str, lead: str, body: str) -> str:
    """Return a whole page: one file with its style in it, that needs no network and no script."""
    template = Template((_HERE / "page.html").read_text(encoding="utf-8"))
    css = (_HERE / "page.css").read_text(encoding="utf-8")
    return template.substitute(title=title, lead=lead, body=body, css=css)


def text(words: Any) -> str:
    """Escape words for HTML."""
    return html.escape(str(words), quote=True)


def section(name: str, title: str, note: str, body: str) -> str:
    """Return a part of the page with a heading; note and body are HTML already."""
    told = f"<p class='note'>{note}</p>" if note else ""
    return f'<section id="{name}"><h2>{title}</h2>{told}{body}</section>'


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of rows with the same keys; the first column names the row."""
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in rows[0])
    lines = []
    for row in rows:
        first, *rest = (text(value) for value in row.values())
        lines.append(f'<tr><th scope="row">{first}</th>{"".join(f"<td>{value}</td>" for value in rest)}</tr>')
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def cards(cards: Sequence[tuple[str, str, str]]) -> str:
    """Show key figures: name, value and a note each."""
    return '<dl class="cards">{}</dl>'.format(
        "".join(
            f"<div><dt>{text(name)}</dt><dd>{text(value)}<small>{text(note)}</small></dd></div>"
            for name, value, note in cards
        )
    )
