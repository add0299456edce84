"""The main content of a web page: what is left without navigation, banners, scripts and hidden parts."""

from __future__ import annotations

import re

import lxml.html
import trafilatura
from lxml.html import HtmlElement

from ingestors.website_page import document

MAIN = "//main | //*[@role='main']"
INERT = (
    "//comment() | //processing-instruction() | //script | //style | //template | //noscript | //svg | //iframe | //object | //embed"
    " | //canvas | //video | //audio | //button | //input | //select | //textarea | //dialog[not(@open)]"
)
HIDDEN = "//*[@hidden or @aria-hidden='true' or @style]"
# Not opacity: pages that fade their sections in are sent with all of them at opacity 0.
INVISIBLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])", re.IGNORECASE)
CHROME_ROLES = ("navigation", "search", "dialog", "alertdialog", "banner", "contentinfo")
CHROME = f"//nav | //*[{' or '.join(f'@role={role!r}' for role in CHROME_ROLES)}]"
OUTER_CHROME = "//header | //footer | //aside"
INSIDE = "ancestor::main | ancestor::article | ancestor::*[@role='main']"
NAMED = "//*[@id or @class or @aria-label or @itemtype]"
CHROME_NAME = re.compile(
    r"bread-?crumbs?|skip-?(to|link)|(cookie|consent|gdpr)[-_ ]?(banner|notice|bar|popup|modal|consent|dialog|overlay)", re.IGNORECASE
)
KEPT_WHOLE = ("table", "a", "p", "pre", "h1", "h2", "h3", "h4", "h5", "h6")
MENU_LINKS = 3
PASSAGE = 25
"""Characters, without white space, from which a piece of text counts as a passage that trafilatura can have kept."""
LEAST_MAIN = 0.2
"""A <main> with a smaller share of the page's text than this is a shell that a script would have filled."""


def main_content(html: str) -> tuple[str, str]:
    """The title and the HTML of the main content, in the page's own order; the HTML is empty when there is none."""
    tree = document(html)
    if tree is None:
        return "", ""
    head_title = " ".join((tree.findtext(".//title") or "").split())
    _remove(tree)
    root = _root(tree)
    heading = root.find(".//h1") if root is not None else None
    title = _text(heading) if heading is not None else ""
    return title or head_title, _serialised(root)


def _remove(tree: HtmlElement) -> None:
    doomed = [
        *tree.xpath(INERT),
        *(element for element in tree.xpath(HIDDEN) if _is_hidden(element)),
        *tree.xpath(CHROME),
        *(element for element in tree.xpath(OUTER_CHROME) if not element.xpath(INSIDE)),
        *(element for element in tree.xpath(NAMED) if _is_named_chrome(element)),
    ]
    kept = {tree, tree.find("body")}
    for element in doomed:
        if element not in kept and element.getparent() is not None:
            element.drop_tree()


def _is_hidden(element: HtmlElement) -> bool:
    return element.get("hidden") is not None or element.get("aria-hidden") == "true" or bool(INVISIBLE.search(element.get("style", "")))


def _is_named_chrome(element: HtmlElement) -> bool:
    names = (element.get(name, "") for name in ("id", "class", "aria-label", "itemtype"))
    return any(CHROME_NAME.search(name) for name in names)


def _root(tree: HtmlElement) -> HtmlElement | None:
    body = tree.find("body")
    if body is None:
        return None
    articles = tree.xpath("//article")
    mains = tree.xpath(MAIN) or (articles if len(articles) == 1 else [])
    largest = max(mains, key=_size, default=None)
    if largest is not None and _size(largest) >= LEAST_MAIN * _size(body):
        return largest
    _prune(body, _extracted(tree))
    return body


def _extracted(tree: HtmlElement) -> str:
    """What trafilatura takes for the main text, without white space.

    It is asked where the text is and not for the text itself: it drops headings and table cells it finds unlikely.
    """
    html = lxml.html.tostring(tree, encoding="unicode")
    return _compact(trafilatura.extract(html, favor_recall=True, include_tables=True, include_formatting=False) or "")


def _prune(element: HtmlElement, extracted: str) -> None:
    """Drop what two judges call a menu: it is made of links, and trafilatura kept no passage of it."""
    for child in list(element):
        if child.tag in KEPT_WHOLE:
            continue
        if _is_link_list(child) and not any(passage in extracted for passage in _passages(child)):
            child.drop_tree()
        else:
            _prune(child, extracted)


def _is_link_list(element: HtmlElement) -> bool:
    links = [len(_compact(link.text_content())) for link in element.iter("a")]
    return len(links) >= MENU_LINKS and sum(links) >= len(_compact(element.text_content())) / 2


def _passages(element: HtmlElement) -> list[str]:
    texts = (_compact(part) for part in element.itertext())
    return [text for text in texts if len(text) >= PASSAGE]


def _serialised(root: HtmlElement | None) -> str:
    if root is None or not _size(root):
        return ""
    root.tail = None
    # What is left has been judged; these would make the reader of elements judge it again by other rules.
    lxml.etree.strip_attributes(root, "style", "role")
    for element in root.iter("main", "aside", "header", "footer"):
        element.tag = "div"
    return f"<html><body>{lxml.html.tostring(root, encoding='unicode')}</body></html>"


def _size(element: HtmlElement) -> int:
    return len(_compact(element.text_content()))


def _compact(text: str) -> str:
    return "".join(text.split())


def _text(element: HtmlElement) -> str:
    return " ".join(element.text_content().split())
