"""One HTML page that stands alone: figures, tables and pictures; every text from outside is escaped.

Nothing on the page names a card's number or secret: what comes here has passed the intake boundary.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from cardrisk._version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2530; --soft: #5b6673; --line: #dde2e8; --page: #fff; --card: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6eaef; --soft: #9aa5b1; --line: #333c46; --page: #14191f; --card: #1b222a; }
  figure img { background: #fff; border-radius: 6px; }
}
body { font: 15px/1.5 system-ui, "Noto Sans CJK SC", sans-serif; color: var(--ink); background: var(--page);
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
p.note, figcaption { color: var(--soft); font-size: .9rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
td.n, th.n { text-align: right; } .wide { overflow-x: auto; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem; }
dl div { background: var(--card); border-radius: 8px; padding: .7rem .9rem; }
dt { color: var(--soft); font-size: .85rem; } dd { margin: 0; font-size: 1.3rem; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(24rem, 1fr)); gap: 1rem; }
figure { margin: 0; } figure img { max-width: 100%; height: auto; }
"""


@dataclass(slots=True)
class Section:
    """One part of the page; whatever is empty is left out.

    Attributes
    ----------
    title, note
        Heading and a sentence below it.
    figures
        Key figures: label to text.
    table
        Shown as it stands, without its index.
    pictures
        Caption to matplotlib figure.
    """

    title: str
    note: str = ""
    figures: Mapping[str, str] = field(default_factory=dict)
    table: pd.DataFrame | None = None
    pictures: "Mapping[str, Figure]" = field(default_factory=dict)


def page(title: str, sections: Sequence[Section], *, language: str = "en") -> str:
    """The page as text.

    Parameters
    ----------
    title
        Heading of the page.
    sections
        Its parts, in order.
    language
        Of the page, for screen readers and fonts: ``"en"`` or ``"zh"``.
    """
    body = "\n".join(_section(section) for section in sections)
    return (
        f'<!doctype html>\n<html lang="{escape(language)}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        f'<p class="note">cardrisk {escape(__version__)}</p>\n{body}\n</body>\n</html>\n'
    )


def _section(section: Section) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>"]
    if section.note:
        parts.append(f'<p class="note">{escape(section.note)}</p>')
    if section.figures:
        cells = "".join(
            f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in section.figures.items()
        )
        parts.append(f"<dl>{cells}</dl>")
    if section.table is not None:
        parts.append(f'<div class="wide">{_table(section.table)}</div>')
    if section.pictures:
        shown = "".join(_picture(caption, figure) for caption, figure in section.pictures.items())
        parts.append(f'<div class="pictures">{shown}</div>')
    return f"<section>\n{chr(10).join(parts)}\n</section>"


def _table(table: pd.DataFrame) -> str:
    number = [pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]
    head = "".join(
        f"<th{' class=n' if n else ''}>{escape(str(name))}</th>" for name, n in zip(table.columns, number, strict=True)
    )
    rows = [
        "".join(f"<td{' class=n' if n else ''}>{escape(_cell(v))}</td>" for v, n in zip(row, number, strict=True))
        for row in table.itertuples(index=False)
    ]
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value))
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return ""
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def _picture(caption: str, figure: "Figure") -> str:
    raw = io.BytesIO()
    figure.savefig(raw, format="png")
    source = base64.b64encode(raw.getvalue()).decode()
    text = escape(caption)
    return f'<figure><img alt="{text}" src="data:image/png;base64,{source}"><figcaption>{text}</figcaption></figure>'
