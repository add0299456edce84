"""Markdown, HTML, plain text and e-mail."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from context_service.errors import TerminalSourceError
from ingestors.html import elements_from_html
from ingestors.text import clean
from tests.parsing import outline, parse

MARKDOWN = """---
title: Returns
effective: {from: 2026-01-01}
supersedes: [old.md]
---
# Return *policy*

You can [return](https://x.example) it.
Within **30 days**.

- first
    - nested
- second

  with a second paragraph

3. third
4. fourth

| Plan | Days |
| ---- | ---- |
| Free |      |
| Plus | 30   |

```sh
  run --now
done
```

Text after the code.
<!-- a comment for writers -->

## Details ##
"""


def test_markdown_becomes_elements_in_reading_order() -> None:
    parsed = parse("returns.md", MARKDOWN)
    assert outline(parsed) == [
        "h1 Return policy",
        "p You can return it. Within 30 days.",
        "- first",
        "- nested",
        "- second with a second paragraph",
        "- 3. third",
        "- 4. fourth",
        "th Plan | Days",
        "tr Free | ",
        "tr Plus | 30",
        "code   run --now\ndone",
        "p Text after the code.",
        "h2 Details",
    ]
    assert parsed.notes == ()


def test_front_matter_comes_out_raw_and_its_title_wins() -> None:
    parsed = parse("returns.md", MARKDOWN)
    assert parsed.title == "Returns"
    assert parsed.front_matter == {"title": "Returns", "effective": {"from": "2026-01-01"}, "supersedes": ["old.md"]}


@pytest.mark.parametrize(("text", "title"), [("# One\n\n# Two", "One"), ("## Deep\n\ntext", "notes"), ("text", "notes")])
def test_the_title_is_the_first_heading_of_level_1_or_the_name_of_the_file(text: str, title: str) -> None:
    assert parse("folder/notes.md", text).title == title


@pytest.mark.parametrize(
    ("front", "says"),
    [
        ("title: [1, 2\nowner: x", "line 3"),
        ("title: a\ntitle: b", "line 3"),
        ("a: &x 1\nb: *x", "aliases"),
        ("- a\n- b", "line 2"),
    ],
)
def test_invalid_front_matter_is_an_error_that_names_the_line(front: str, says: str) -> None:
    with pytest.raises(TerminalSourceError, match=says) as caught:
        parse("a.md", f"---\n{front}\n---\ntext")
    assert caught.value.remedy


def test_empty_front_matter_is_no_text() -> None:
    assert outline(parse("a.md", "---\n---\ntext")) == ["p text"]


@pytest.mark.parametrize("text", ["---\n\ntext", "text\n---\na: b\n---\n", "---\nWelcome\n---\ntext"])
def test_rules_in_the_text_are_no_front_matter(text: str) -> None:
    assert parse("a.md", text).front_matter == {}


def test_lists_nest_deeper_than_the_parser_would_go_by_itself() -> None:
    text = "\n".join("  " * depth + f"- item{depth}" for depth in range(30))
    assert len(parse("a.md", text).elements) == 30


def test_a_page_loses_what_stands_around_its_article() -> None:
    page = """<html><head><title>T</title><style>p {}</style></head><body>
      <header>Shop <nav>Menu</nav></header><nav>Home</nav><aside>Ads</aside>
      <div role="search">Search</div><p hidden>h1</p><p style="display: none">h2</p><p aria-hidden="true">h3</p>
      <!-- secret --><script>alert(1)</script><template>t</template>
      <h1>Night <b>vision</b><a class="headerlink" href="#x">¶</a></h1>
      <article><header><h2>By day</h2></header><p>Text<br>goes on.</p></article>
      <footer>Imprint</footer></body></html>"""
    assert [element.text for element in elements_from_html(page)] == ["Night vision", "By day", "Text goes on."]


def test_only_the_main_part_counts_where_a_page_has_one_with_text() -> None:
    assert [e.text for e in elements_from_html("<p>Before it</p><main><p>Inside it</p></main><p>After it</p>")] == ["Inside it"]
    assert [e.text for e in elements_from_html("<p>All there is</p><main> </main>")] == ["All there is"]


def test_a_page_header_with_the_title_stays() -> None:
    assert [e.text for e in elements_from_html("<header><h1>Title</h1></header><p>Some text</p>")] == ["Title", "Some text"]


def test_forms_figures_and_details_keep_their_text() -> None:
    page = """<form><p>In a form</p><label>A label</label></form>
      <figure><img src="a.png" alt="The button"><figcaption>Caption here</figcaption></figure>
      <details><summary>Question?</summary>Answer it is.</details><p>5</p>"""
    assert [e.text for e in elements_from_html(page)] == [
        "In a form",
        "A label",
        "The button",
        "Caption here",
        "Question?",
        "Answer it is.",
        "5",
    ]


def test_blocks_inside_headings_and_items_do_not_break_them() -> None:
    page = "<h2><div>One</div> <span>two</span></h2><ol start=7><li><p>a b</p><p>c d</p><ul><li>e f</li></ul></li><li>g h</li></ol>"
    parsed = parse("a.html", page)
    assert outline(parsed) == ["h2 One two", "- 7. a b c d", "- e f", "- 8. g h"]


def test_merged_cells_keep_their_columns_and_the_places_they_cover_are_empty() -> None:
    page = """<table><caption>Prices</caption><tr><th>Plan</th><th colspan=2>Price, H<sub>2</sub>O</th></tr>
      <tr><td rowspan=2>Plus<p>plan</p></td><td>EU</td><td>9</td></tr><tr><td>UK</td><td>8</td></tr></table>"""
    assert outline(parse("a.html", page)) == ["p Prices", "th Plan | Price, H2O | ", "tr Plus plan | EU | 9", "tr  | UK | 8"]


def test_rows_that_begin_with_a_header_cell_have_no_head() -> None:
    page = "<table><tr><th>Phone</th><td>1</td></tr><tr><th>Mail</th><td>2</td></tr></table>"
    assert outline(parse("a.html", page)) == ["tr Phone | 1", "tr Mail | 2"]


def test_a_table_that_only_places_things_is_text() -> None:
    page = "<table><tr><td><h1>Title</h1><p>Some text</p></td><td>Beside it</td></tr></table>"
    assert outline(parse("a.html", page)) == ["h1 Title", "p Some text", "p Beside it"]


def test_struck_out_text_is_left_out_and_told() -> None:
    parsed = parse("a.md", "Refunds take ~~30 days~~ 14 days.")
    assert outline(parsed) == ["p Refunds take 14 days."]
    assert parsed.notes == ("struck out, left out: 30 days",)


def test_absurd_spans_cost_nothing() -> None:
    absurd = "9" * 5000
    parsed = parse("a.html", f"<table><tr><td colspan=999999 rowspan={absurd}>x<tr><td>y</table><ol start={absurd}><li>z</ol>")
    assert len(parsed.elements) == 3


@pytest.mark.parametrize(
    ("raw", "text", "notes"),
    [
        ("\ufeffGrüße".encode(), "Grüße", 0),
        ("Grüße".encode("utf-16"), "Grüße", 0),
        ("Grüße – €".encode("cp1252"), "Grüße – €", 1),
    ],
)
def test_text_is_read_in_its_encoding_with_a_note_on_guesses(raw: bytes, text: str, notes: int) -> None:
    parsed = parse("a.txt", raw)
    assert outline(parsed) == [f"p {text}"]
    assert len(parsed.notes) == notes


def test_a_page_is_read_in_the_encoding_it_declares() -> None:
    parsed = parse("a.html", '<meta charset="iso-8859-2"><p>Łódź is a city</p>'.encode("iso-8859-2"))
    assert outline(parsed) == ["p Łódź is a city"]
    assert parsed.notes == ()


def test_text_is_normalised() -> None:
    assert clean("a\r\nb\rc\x00\x07 e\u0301 \ud800 \ufb01n \ud83d\ude00") == "a\nb\nc é \ufffd fin 😀"


def test_plain_text_shows_its_headings_items_and_columns() -> None:
    text = """HELP
====

Wrapped text that
goes on.
- first item
  wrapped
- second item

DOORBELL

  blue            ready
  red, blinking   battery low

----------
The end of it.
"""
    assert outline(parse("a.txt", text)) == [
        "h1 HELP",
        "p Wrapped text that goes on.",
        "- first item wrapped",
        "- second item",
        "h2 DOORBELL",
        "tr blue | ready",
        "tr red, blinking | battery low",
        "p The end of it.",
    ]


def test_a_mail_begins_with_its_subject_and_names_its_attachments() -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["Date"] = "Größe des Pakets", "Ada <ada@x.example>", "Tue, 28 Jul 2026 11:42:00 +0200"
    mail.set_content("Hi all,\n\nthis is wrapped\nin the middle.\n")
    mail.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="contract.pdf")
    parsed = parse("a.eml", mail.as_bytes())
    assert outline(parsed) == [
        "h1 Größe des Pakets",
        "p From: Ada <ada@x.example>\nDate: Tue, 28 Jul 2026 11:42:00 +0200",
        "p Hi all,",
        "p this is wrapped in the middle.",
    ]
    assert parsed.notes == ("attachment not read: contract.pdf",)
    assert parsed.modified == datetime(2026, 7, 28, 9, 42, tzinfo=UTC)


def test_the_html_of_a_mail_is_read_like_a_page() -> None:
    mail = EmailMessage()
    mail["Subject"] = "News"
    mail.set_content("plain version")
    mail.add_alternative("<p>Rich version<!-- x --></p><script>y</script>", subtype="html")
    assert outline(parse("a.eml", mail.as_bytes())) == ["h1 News", "p Rich version"]


@pytest.mark.parametrize("key", ["a.md", "a.html", "a.txt", "a.csv"])
def test_a_file_without_text_is_an_error(key: str) -> None:
    with pytest.raises(TerminalSourceError, match="no text"):
        parse(key, " \n ")
