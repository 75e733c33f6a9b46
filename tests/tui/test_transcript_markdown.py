"""Markdown that streams: however it is cut, the rows are those of the whole text."""

import re
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.transcript.body import Body
from tui.transcript.code import load
from tui.transcript.flow import Flow, parser
from tui.transcript.item import Seam
from tui.transcript.rows import Row

FOREVER = float("inf")
FORBIDDEN = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

BLOCKS = [
    "A paragraph with **bold**, *em*, ~~gone~~, `code` and a very long tail of words to wrap.",
    "two\nlines",
    "hard  \nbreak",
    "# Heading",
    "#",
    "#hashtag",
    "Setext\n======",
    "Setext\n---",
    "---",
    "***",
    "- a\n- b\n- c",
    "- a\n\n- b\n\n  more of b\n- c",
    "* star\n+ plus",
    "1. one\n2. two\n   - nested\n     1. deep\n   - nested too\n3. three",
    "7) seven\n8) eight",
    "-\n- x\n-",
    "- ```python\n  x = 1\n  ```\n- after",
    "1. text\n\n   ```sh\n   ls -l\n   ```\n\n   more\n2. next",
    "> quote\n> more\n>\n> - list\n>   > deeper",
    "> lazy\ncontinuation",
    "```python\ndef f(x):\n    '''doc\n    string'''\n    return x\n```",
    "```\nno language\n\n\n```",
    "~~~js\nconst a = `b`;\n```\n~~~",
    "````md\n```\ninner\n```\n````",
    "```rust\nfn open() {",
    "   ```py\n   indented = True\n  less = 1\n   ```",
    "```a`b\nno fence",
    "    indented code\n\n    more",
    "| a | b |\n|---|--:|\n| 1 | 2 |\n| long cell text here | `x` |",
    "para\n| a | b |\n|---|---|\n| 1 | 2 |",
    "| not | a table\nat all",
    "a | b\n--- | -",
    "<div>\nhtml *here*\n</div>",
    "<!-- comment\n\nstill -->\nafter",
    "[ref]: https://example.com/ref",
    "[ref]: https://example.com/other\n'a title\nthat goes on'",
    "[long]:\n  /later\n  'title'",
    "see [ref] and [long][] and [text](https://example.com) and https://auto.link/x.",
    "![picture](a.png) <b>inline</b> &amp; &#x1b; \\* \\[ref]",
    "日本語のとても長い文章がここにあります。折り返されるべきです。👩‍👩‍👧 é e\u0301",
    "tabs\tin\ttext\n\n\tcode by tab",
    "\x1b[31mred\x1b[0m \x07 \u202eevil\u202c zero\u200bwidth \x9b1m \x00",
    "",
]
"""What goes wrong when cut, or when it meets another block without an empty line."""

documents = st.lists(
    st.tuples(
        st.sampled_from(BLOCKS), st.sampled_from(["\n\n", "\n", "\n\n\n", "\r\n", "\r\n\r\n"])
    ),
    max_size=7,
).map(lambda parts: "".join(block + end for block, end in parts))
noise = st.text(st.sampled_from("ab #*-_`~>|[]():!\\\n\n\n \t1.+=<&;'\r"), max_size=60)
markdown = st.one_of(documents, noise, st.tuples(documents, noise, documents).map("".join))


def cut(text: str, places: list[int]) -> list[str]:
    marks = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in pairwise(marks)]


def rows_of(body: Body, width: int) -> list[Row]:
    for section in body.sections:
        load(section.wants())
    return [row for section in body.sections for row in section.layout(width)]


def whole(text: str, width: int = 40) -> list[Row]:
    body = Body()
    body.extend(text)
    body.finish()
    body.read(FOREVER)
    return rows_of(body, width)


def streamed(fragments: list[str], width: int = 40) -> list[Row]:
    """Feed fragments and draw after each, as the screen does."""
    body = Body()
    for fragment in fragments:
        body.extend(fragment)
        body.read(FOREVER)
        rows_of(body, width)
    body.finish()
    body.read(FOREVER)
    return rows_of(body, width)


def picture(rows: list[Row]) -> list[tuple[object, ...]]:
    """All that can be seen or copied of rows."""
    return [
        (
            row.runs,
            row.start,
            row.stop,
            row.joint,
            row.raw,
            row.code and row.code.source,
            row.action,
        )
        for row in rows
    ]


@settings(max_examples=150, deadline=None)
@given(text=markdown, places=st.lists(st.integers(0, 10_000), max_size=30))
@example(text="para\n#tag\n", places=[6, 7])
@example(text="para\na | b\n---|---\n1|2\n", places=[9, 10, 13])
@example(text="[a]: /u\n'title\nends'\n\n[a]\n", places=list(range(30)))
def test_fragments_end_in_the_rows_of_the_whole(text: str, places: list[int]) -> None:
    assert picture(streamed(cut(text, places))) == picture(whole(text))


@settings(max_examples=150, deadline=None)
@given(text=markdown)
@example(text="   ```py\n\tcode by tab\n  \tmore\n \t ```\n\t```\n   ```\nafter")
@example(text="- x\n-\n   ```py\n   indented\n   ```\n-\n  - y\n\n-\n  z")
def test_chunks_together_are_what_the_parser_makes_of_the_whole(text: str) -> None:
    # The parser drops empty lines at the end of a fence left open, and has its own picture of NUL.
    text = text.rstrip().replace("\0", "")
    got = whole(text)
    elements = Flow().build(parser().parse(text))
    expected = [row for element in elements for row in element.layout(40)]
    assert [row.runs for row in got] == [row.runs for row in expected]


@settings(max_examples=100, deadline=None)
@given(text=st.one_of(markdown, st.text(max_size=80)), width=st.integers(20, 60))
def test_rows_fit_and_carry_nothing_that_steers_a_terminal(text: str, width: int) -> None:
    for row in whole(text, width):
        assert cell_len(row.text) <= width
        assert not FORBIDDEN.search(row.text)
        assert "\t" not in row.text
        assert not FORBIDDEN.search(row.copied())
        assert all(href.startswith(("http", "mailto")) for _, _, href in row.runs if href)


def long_document() -> str:
    table = "| a | b |\n|---|---|\n" + "| one | two |\n" * 230
    items = "\n".join(f"{n}. item {n}" for n in range(1, 300))
    code = "```python\n" + "x = [1, 2]\n" * 200 + "```\n"
    line = "{" + '"a": 1, ' * 2_000 + "}"
    quote = "> line\n" * 400
    return f"{table}\n\n{items}\n\n{code}\n```json\n{line}\n```\n\n{quote}\n\n{'word ' * 5_000}\n"


@pytest.mark.parametrize("size", [1, 97, 1_499, 20_000])
def test_long_blocks_are_cut_in_the_same_places_however_they_come(size: int) -> None:
    text = long_document()
    body = Body()
    for at in range(0, len(text), size):
        body.extend(text[at : at + size])
        if size > 1:
            body.read(FOREVER)
    body.finish()
    body.read(FOREVER)
    assert picture(rows_of(body, 60)) == picture(whole(text, 60))


def test_a_long_list_keeps_its_numbers_and_a_long_table_its_columns() -> None:
    texts = [row.text for row in whole(long_document(), 60)]
    assert "299. item 299" in texts
    assert texts.count("one │ two") == 230


def test_a_long_line_of_code_is_copied_as_it_was() -> None:
    source = "value = " + " + ".join(f"name_{n}" for n in range(60)) + "\n\tindented"
    rows = [row for row in whole(f"```python\n{source}\n```", 40) if row.code]
    assert len(rows) > 6
    copied = "".join(row.copied() + row.joint for row in rows)
    assert copied.strip("\n") == source
    assert rows[0].code is not None
    assert rows[0].code.source == source
    assert any("↩" in row.text for row in rows)


def test_wrapped_text_is_copied_without_the_wrapping() -> None:
    rows = whole("> quoted words that go on and on until they wrap\n\n- item one\n- item two", 24)
    copied = "".join(row.copied() + row.joint for row in rows)
    assert copied == ("quoted words that go on and on until they wrap\n\n• item one\n• item two\n")


def test_a_seam_in_open_code_opens_the_frame_again() -> None:
    text = "```python\nfirst = 1\nsecond = 2\n```\nafter"
    body = Body()
    body.extend(text[:20])
    body.seam(Seam(20, "T3 went silent"))
    body.extend(text[20:])
    body.finish()
    body.read(FOREVER)
    texts = [row.text for row in rows_of(body, 40)]
    seam = texts.index("⟂ T3 went silent")
    assert texts[seam - 1].startswith("└")
    assert texts[seam + 1].startswith("┌ python")
    assert texts[-1] == "after"
    assert body.text == text


def test_links_are_shown_with_where_they_lead() -> None:
    (row,) = whole("[bank](https://evil.example) [js](javascript:alert(1))", 80)
    assert "bank (https://evil.example)" in row.text
    assert {href for _, _, href in row.runs} == {"", "https://evil.example"}


def test_a_definition_that_comes_late_makes_earlier_text_a_link() -> None:
    rows = streamed(["see [it]\n\nmore\n\n", "[it]: https://a.example\n\nend"])
    assert rows[0].text == "see it (https://a.example)"
