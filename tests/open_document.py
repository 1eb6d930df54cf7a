"""OpenDocument sheets (.ods) written by hand, so that each trap is a few words of XML."""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

KIND = "application/vnd.oasis.opendocument.spreadsheet"
SPACES = {
    name: f"urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"
    for name in ("office", "style", "text", "table")
}
MANIFEST = (
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{KIND}"/>'
    "</manifest:manifest>"
)


def cell(value: str | float | None, more: str = "") -> str:
    """A cell: a text, a number, an empty one, or a formula without a result (``=…``)."""
    if value is None:
        return f"<table:table-cell {more}/>"
    if isinstance(value, str) and value.startswith("="):
        return f'<table:table-cell table:formula="of:{escape(value)}" {more}/>'
    kind = "string" if isinstance(value, str) else "float"
    number = "" if isinstance(value, str) else f'office:value="{value}"'
    text = escape(str(value)).replace("  ", ' <text:s text:c="1"/>')
    return (
        f'<table:table-cell office:value-type="{kind}" {number} {more}>'
        f"<text:p>{text}</text:p></table:table-cell>"
    )


def row(cells: list, more: str = "") -> str:
    """A row of values or ready cells."""
    inner = [each if str(each).startswith("<table") else cell(each) for each in cells]
    return f"<table:table-row {more}>{''.join(inner)}</table:table-row>"


def sheet(name: str, rows: list, is_hidden: bool = False, more: str = "") -> str:
    """A sheet of rows of values or ready rows."""
    inner = [each if isinstance(each, str) else row(each) for each in rows]
    style = "hidden" if is_hidden else "shown"
    return (
        f'<table:table table:name="{escape(name)}" table:style-name="{style}">{more}'
        f"{''.join(inner)}</table:table>"
    )


def write_open_document(path: Path, *sheets: str, members: dict[str, bytes] | None = None) -> Path:
    """Write a workbook of ready sheets, with further members."""
    spaces = " ".join(f'xmlns:{name}="{address}"' for name, address in SPACES.items())
    styles = "".join(
        f'<style:style style:name="{name}" style:family="table">'
        f'<style:table-properties table:display="{shown}"/></style:style>'
        for name, shown in (("shown", "true"), ("hidden", "false"))
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {spaces}>'
        f"<office:automatic-styles>{styles}</office:automatic-styles><office:body>"
        f"<office:spreadsheet>{''.join(sheets)}</office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("mimetype", KIND, zipfile.ZIP_STORED)
        package.writestr("META-INF/manifest.xml", MANIFEST)
        for name, each in ({"content.xml": content.encode()} | (members or {})).items():
            package.writestr(name, each)
    return path
