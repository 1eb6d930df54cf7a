"""A table ready to be shown, as HTML that a screen reader can walk or as plain text."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import pandas as pd
from jinja2 import Environment
from markupsafe import Markup

# Notebooks put every cell at the right edge, words too.
AT_LEFT = ' style="text-align: left"'
_TEMPLATE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    """\
<table class="figures{{ ' sortable' if is_sortable }}" lang="{{ language }}">
<caption>{{ caption }}</caption>
<thead><tr>
{% for heading in headings %}
<th scope="col"{{ ' class="number"'|safe if heading.is_number else left }}>{{ heading.text }}</th>
{% endfor %}
</tr></thead>
<tbody>
{% for row in rows %}
<tr>
{% for cell in row %}
{% if loop.first %}
<th scope="row"{{ left }}>{{ cell.text }}</th>
{% elif cell.is_number %}
<td class="number"{% if cell.value %} data-value="{{ cell.value }}"{% endif %}>{{ cell.text }}</td>
{% else %}
<td{{ left }}>{{ cell.text }}</td>
{% endif %}
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>"""
)


@dataclass(frozen=True)
class Table:
    """A table ready to be shown: ``cells`` as texts, ``values`` to sort by where there are any."""

    cells: pd.DataFrame
    values: pd.DataFrame
    caption: str
    language: str
    is_sortable: bool = False

    def to_html(self, text_cells: str = "") -> str:
        """The table as HTML that a screen reader can walk: caption, scopes, language.

        ``text_cells`` is what every cell with words carries, for where no style sheet does.
        """
        if not len(self.cells):
            return f'<p lang="{self.language}">{escape(self.caption)}</p>'
        numeric = [self.values[column].notna().any() for column in self.cells]
        headings = [
            {"text": name, "is_number": is_number}
            for name, is_number in zip(self.cells.columns, numeric, strict=True)
        ]
        rows = [
            [
                {"text": cell, "is_number": is_number, "value": _plain(value)}
                for cell, is_number, value in zip(cells, numeric, values, strict=True)
            ]
            for cells, values in zip(
                self.cells.itertuples(index=False), self.values.itertuples(index=False), strict=True
            )
        ]
        return _TEMPLATE.render(
            headings=headings,
            rows=rows,
            caption=self.caption,
            language=self.language,
            is_sortable=self.is_sortable,
            left=Markup(text_cells),
        )

    def _repr_html_(self) -> str:
        return self.to_html(AT_LEFT)

    def __repr__(self) -> str:
        body = self.cells.to_string(index=False) if len(self.cells) else ""
        return f"{self.caption}\n{body}"


def _plain(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.6g}"
