"""Markdown that streams: however it is cut, the rows are those of the whole text."""

import unicodedata
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tui.transcript.body import Body
from tui.transcript.code import load
from tui.transcript.flow import Flow, parser
from tui.transcript.item import Seam
from tui.transcript.rows import Row
from tui.transcript.split import WINDOW  # noqa: F401

FOREVER = float("inf")

BLOCKS = [
    "A paragraph with **bold**, *em*, ~~gone~~, `code` and a very long tail of words to be wrapped.",
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
def test_chunks_together_are_what_the_parser_makes_of_the_whole(text: str) -> None:
    # The parser drops empty lines at the end of a fence left open, and has its own picture of NUL.
    text = text.rstrip().replace("\0", "")
    got = whole(text)
    elements = Flow().build(parser().parse(text))
    expected = [row for element in elements for row in element.layout(40)]
    assert [row.runs for row in got] == [row.runs for row in expected]
