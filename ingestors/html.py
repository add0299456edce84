"""HTML to elements: what a reader of the article sees, without the page around it.

`unstructured` splits the page into its pieces. Before that the markup is reduced to what it keeps whole: it drops forms,
figures and details, breaks headings and list items at inner blocks, and forgets which cells of a table are merged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from context_service.model.document import Element
from ingestors.partition import partition, table_grid, to_elements
from ingestors.text import clean, loss_note, small_number, squeeze

CHROME = (
    "head script style template noscript nav aside dialog iframe select textarea button "
    "svg object audio video canvas annotation annotation-xml"
).split()
ROLES = ("navigation", "banner", "contentinfo", "complementary", "search", "dialog", "alertdialog", "menu", "menubar")
HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])|opacity\s*:\s*0(?![.\d])", re.IGNORECASE)
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
BLOCKS = frozenset(
    "address article blockquote body caption center dd details div dl dt fieldset figcaption figure footer form "
    "h1 h2 h3 h4 h5 h6 header hr legend li main menu ol p pre section summary table tbody td tfoot th thead tr ul".split()
)
RENAMED = {"details": "div", "fieldset": "div", "figure": "div", "form": "div", "figcaption": "p", "legend": "p", "summary": "p"}
RENAMED |= {"label": "span", "main": "div", "math": "span", "menu": "ul"}
PERMALINKS = ("", "#", "¶", "§", "🔗")


def elements_from_html(markup: str) -> list[Element]:
    """The content of a page in reading order. Menus, page headers and footers, scripts, comments and hidden parts are left out.

    Links count as their text and pictures as their description; items of numbered lists keep their numbers.
    Raises TerminalSourceError where the markup cannot be read.
    """
    return read_html(markup)[0]


def read_html(markup: str) -> tuple[list[Element], tuple[str, ...]]:
    """`elements_from_html`, and a note where words of the readable page are in none of the elements."""
    body, struck = _readable(markup)
    page = "<html>" + etree.tostring(body, encoding="unicode", method="html") + "</html>"
    elements = list(to_elements(partition("html", text=page)))
    return elements, (*struck, *loss_note([visible_text(body)], elements))


def _readable(markup: str) -> tuple[HtmlElement, tuple[str, ...]]:
    """The readable content of the page as a body, in tags that the partitioner keeps whole; and notes on what was struck out."""
    body = _main(_parsed(clean(markup)))
    struck = tuple(f"struck out, left out: {squeeze(node.text_content())}" for node in body.iter("del", "s", "strike"))
    _drop(body.iter("del", "s", "strike"))
    for reduce in (_flatten_tables, _flatten_headings, _flatten_code, _flatten_items, _number_items, _rename, _keep_single_characters):
        reduce(body)
    body.tag = "body"
    body.tail = None
    return body, struck


def visible_text(node: HtmlElement) -> str:
    """The text of `node` with white space where a block or a line ends."""
    parts: list[str] = []
    for event, inner in etree.iterwalk(node, events=("start", "end")):
        gap = "\n" if inner.tag == "br" else " " if inner.tag in BLOCKS and inner is not node else ""
        tail = inner.tail if inner is not node else None
        parts += [gap, inner.text or ""] if event == "start" else [gap, tail or ""]
    return "".join(parts)


def _parsed(markup: str) -> HtmlElement:
    parser = HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    root = document_fromstring(f"<!DOCTYPE html><html>{markup}".encode(), parser=parser)
    _drop(root.iter(*CHROME))
    _drop(node for role in ROLES for node in root.xpath("//*[@role=$role]", role=role))
    _drop(root.xpath("//*[@hidden or @aria-hidden='true']"))
    _drop(node for node in root.xpath("//*[@style]") if HIDDEN_STYLE.search(node.get("style")))
    _drop(node for node in root.xpath("//a[starts-with(@href, '#')]") if squeeze(node.text_content()) in PERMALINKS)
    _describe_pictures(root)
    return root


def _drop(nodes: Iterable[HtmlElement]) -> None:
    for node in list(nodes):
        if node.getparent() is not None and node.tag != "body":
            node.drop_tree()


def _describe_pictures(root: HtmlElement) -> None:
    for image in list(root.iter("img")):
        image.text = image.get("alt") or ""
        image.drop_tag()


def _main(root: HtmlElement) -> HtmlElement:
    """The part that the page itself calls its main content, else its body without header and footer."""
    for main in root.xpath("//main | //*[@role='main']"):
        if main.text_content().strip():
            return main
    body = root.find("body")
    if body is None:
        return root
    outer = [node for node in body.iter("header", "footer") if next(node.iterancestors("article", "section"), None) is None]
    title = next(body.iter("h1"), None)
    _drop(node for node in outer if title is None or title not in node.iter("h1"))
    return body


def _flatten_tables(body: HtmlElement) -> None:
    for table in reversed(list(body.iter("table"))):
        if _is_layout(table):
            _unwrap_layout(table)
        else:
            _square(table)


def _is_layout(table: HtmlElement) -> bool:
    """Whether the table only places things: it says so, or a cell holds a heading with text below it."""
    if table.get("role") in ("presentation", "none"):
        return True
    headings = ((heading, next(heading.iterancestors("td", "th"), None)) for heading in table.iter(*HEADINGS))
    return any(cell is not None and squeeze(visible_text(cell)) != squeeze(visible_text(heading)) for heading, cell in headings)


def _unwrap_layout(table: HtmlElement) -> None:
    for node in table.iter("table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"):
        node.tag = "div"


def _square(table: HtmlElement) -> None:
    """Give each row its full number of plain cells, so that merged cells stay in their columns."""
    caption = squeeze(" ".join(visible_text(node) for node in table.iter("caption")))
    rows = [row for row in table.iter("tr") if next(row.iterancestors("table")) is table]
    for cell in [cell for row in rows for cell in row.iterchildren("td", "th")]:
        _set_text(cell, squeeze(visible_text(cell)))
    grid = list(table_grid(rows))
    heads = [[cell.tag for cell in row.iterchildren("td", "th")] for row in rows]
    for child in list(table):
        table.remove(child)
    if caption:
        etree.SubElement(table, "caption").text = caption
    for cells, tags in zip(grid, heads, strict=True):
        made = etree.SubElement(table, "tr")
        whole = "th" if set(tags) == {"th"} else "td"
        for number, text in enumerate(cells):
            etree.SubElement(made, tags[number] if len(tags) == len(cells) else whole).text = text


def _flatten_headings(body: HtmlElement) -> None:
    for heading in body.iter(*HEADINGS):
        _set_text(heading, squeeze(visible_text(heading)))


def _flatten_code(body: HtmlElement) -> None:
    for block in body.iter("pre"):
        _set_text(block, visible_text(block).strip("\n"))


def _set_text(node: HtmlElement, text: str) -> None:
    for child in list(node):
        node.remove(child)
    node.text = text


def _flatten_items(body: HtmlElement) -> None:
    """Make the plain paragraphs of a list item one line of it."""
    for block in reversed(list(body.iter("p", "div"))):
        inside = next(block.iterancestors("li", "dd", "dt"), None)
        if inside is None or any(child.tag in BLOCKS for child in block.iterdescendants()):
            continue
        block.text = " " + (block.text or "")
        block.tail = " " + (block.tail or "")
        block.drop_tag()


def _number_items(body: HtmlElement) -> None:
    for numbered in body.iter("ol"):
        number = small_number(numbered.get("start"), 1)
        for item in numbered.iterchildren("li"):
            number = small_number(item.get("value"), number)
            label = _label(number, numbered.get("type") or "1")
            item.text = f"{label} {(item.text or '').lstrip()}" if label else item.text
            number += 1


def _label(number: int, style: str) -> str:
    if style == "1":
        return f"{number}."
    if style in ("a", "A") and 1 <= number <= 26:
        return f"{chr(ord(style) + number - 1)}."
    return ""


def _rename(body: HtmlElement) -> None:
    for node in body.iter(*RENAMED):
        node.tag = RENAMED[node.tag]


def _keep_single_characters(body: HtmlElement) -> None:
    """The partitioner drops a paragraph of one character; as a list item it stays."""
    for block in body.iter("p", "div", "section", "article", "dt"):
        if len(squeeze(block.text_content())) == 1:
            block.tag = "li"
