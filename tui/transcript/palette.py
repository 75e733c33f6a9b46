"""From the names of styles to colours, in the theme of the moment."""

from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tui.transcript.rows import Row

PREFIX: Final = "transcript--"
TOKENS: Final = frozenset(
    f"{PREFIX}token-{name}"
    for name in (
        "comment",
        "error",
        "deleted",
        "inserted",
        "keyword",
        "builtin",
        "name",
        "number",
        "string",
    )
)
"""Component classes of what shows code."""
TOKENS_CSS: Final = """
.transcript--token-comment { color: $text-muted; text-style: italic; }
.transcript--token-error, .transcript--token-deleted { color: $text-error; }
.transcript--token-inserted, .transcript--token-string { color: $text-success; }
.transcript--token-keyword { color: $text-accent; text-style: bold; }
.transcript--token-builtin { color: $text-accent; }
.transcript--token-name { color: $text-primary; }
.transcript--token-number { color: $text-warning; }
"""
_ATTRIBUTES: Final[dict[str, Style]] = {
    "strong": Style(bold=True),
    "em": Style(italic=True),
    "strike": Style(strike=True),
}


class Palette:
    """Resolves style names through a widget's component classes, and remembers."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[tuple[str, str], Style] = {}
        self._names: dict[str, Style] = {}
        self.base = widget.rich_style

    def style(self, names: str, href: str = "") -> Style:
        """Return the style of space-separated names; later ones win."""
        key = names, href
        if (style := self._styles.get(key)) is None:
            style = self.base
            for name in names.split():
                style += self._named(name)
            if href:
                style += Style(link=href)
            self._styles[key] = style
        return style

    def _named(self, name: str) -> Style:
        if (style := self._names.get(name)) is None:
            style = self._names[name] = _ATTRIBUTES.get(name) or self._component(name)
        return style

    def _component(self, name: str) -> Style:
        """Return only what the component's rules say, with its colours mixed as on the screen."""
        component = PREFIX + name
        if component not in self._widget.COMPONENT_CLASSES:
            return Style.null()
        rules = self._widget.get_component_styles(component)
        full = self._widget.get_component_rich_style(component)
        colours = Style.from_color(
            full.color if rules.has_rule("color") else None,
            full.bgcolor if rules.has_rule("background") else None,
        )
        return rules.text_style + colours

    def strip(
        self, row: Row, *, left: int, width: int, span: tuple[int, int] | None, selected: Style
    ) -> Strip:
        """Draw a row `width` cells wide, `left` of them empty; `span` are the selected letters."""
        segments = [Segment(" " * left, self.base)] if left else []
        at = 0
        for text, names, href in row.runs:
            style = self.style(names, href)
            if span is None:
                segments.append(Segment(text, style))
            else:
                segments += _highlighted(text, style, selected, span[0] - at, span[1] - at)
            at += len(text)
        return Strip(segments).adjust_cell_length(width, self.base)


def _highlighted(text: str, style: Style, selected: Style, start: int, stop: int) -> list[Segment]:
    start, stop = max(0, start), max(0, stop)
    parts = (
        (text[:start], style),
        (text[start:stop], style + selected),
        (text[max(start, stop) :], style),
    )
    return [Segment(piece, look) for piece, look in parts if piece]
