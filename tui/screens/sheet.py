"""A page to read: help, the doctor's findings, where the configuration is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from router.asking import TierCheck
from tui import figures
from tui.slash import COMMANDS
from tui.text import sanitise, sanitise_line
from tui.wording import QUIET

if TYPE_CHECKING:
    from store.health import StoreHealth
    from tui.options import Options

_KEY_WIDTH: Final = 32
_KEYS: Final = (
    ("enter", "send"),
    ("ctrl+j, shift+enter", "new line"),
    ("esc", "interrupt the answer, or the task in this tab"),
    ("ctrl+c", "copy what is selected; else interrupt; twice: quit"),
    ("↑ ↓, ctrl+r", "earlier prompts; search them"),
    ("alt+1 … alt+9", "tabs"),
    ("/close, ctrl+w, x", "close this tab; what runs in it goes on"),
    ("ctrl+t", "the task list: enter opens, x cancels, r tries again"),
    ("tab, then a e r 1…", "the card that waits; alt+a, alt+r from anywhere"),
    ("ctrl+o", "open or close a folded result"),
    ("page up, page down", "scroll; ctrl+end goes to the bottom"),
    ("ctrl+g", "write the prompt in your editor"),
    ("ctrl+s", "sessions"),
    ("ctrl+p", "palette"),
    ("F1 or ?, F2", "this page; usage"),
)


class Sheet(ModalScreen[None]):
    CSS_PATH = "sheet.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f1", "dismiss", "Leave", show=False),
    ]

    def __init__(self, title: str, text: Content) -> None:
        super().__init__()
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="sheet") as box:
            box.border_title = self._title
            box.border_subtitle = "esc leaves"
            yield Static(self._text, id="sheet-text")


def _table(rows: Sequence[tuple[str, str]], wide: int) -> list[Content]:
    return [Content.assemble((f"{left:<{wide}}", "bold $primary"), right) for left, right in rows]


def help_text() -> Content:
    commands = [(f"/{c.name} {c.arguments}".rstrip(), c.says) for c in COMMANDS]
    lines = [
        *_table(_KEYS, _KEY_WIDTH),
        Content(""),
        *_table(commands, _KEY_WIDTH),
        Content(""),
        Content.styled(
            "@file attaches a file. “summarize this …” runs in the background.", "italic"
        ),
    ]
    return Content("\n").join(lines)


def doctor_text(checks: Sequence[TierCheck], health: "StoreHealth") -> Content:
    lines: list[Content] = []
    for check in checks:
        glyph, style = ("●", "$success") if check.ready else ("✗", "$error")
        name = f" {check.tier} {sanitise_line(check.account)}/{sanitise_line(check.model)}  "
        lines.append(Content.assemble((glyph, style), name, (sanitise(check.detail), QUIET)))
        if check.remedy:
            lines.append(Content.assemble("     mend it: ", (sanitise(check.remedy), "bold")))
    sound = "sound" if health.sound else "; ".join(health.problems)
    store = f"{health.path}: {figures.size(health.size)}, {health.sessions} sessions, {sound}"
    lines += [Content(""), Content(f"Store  {sanitise(store)}")]
    lines += [Content(f"       set aside: {path}") for path in health.set_aside]
    return Content("\n").join(lines)


def agents_text(options: "Options") -> Content:
    """The user's own agents and what is wrong with their files, which are read."""
    from router.coding.agents import folders, load

    agents, mistakes = load(options.places, options.workspace)
    lines: list[Content] = []
    for agent in agents.values():
        tools = "all tools" if agent.tools is None else ", ".join(sorted(agent.tools)) or "no tools"
        who = agent.tier or agent.model or "T1"
        path = agent.path.removeprefix(f"{options.workspace}/")
        lines += [
            Content.assemble(
                (agent.name, "bold $primary"), f"  {sanitise_line(agent.description)}"
            ),
            Content.styled(f"    {sanitise_line(f'{who} · {tools} · {path}')}", QUIET),
        ]
    if not agents:
        lines.append(Content("There are none yet."))
    own, project = folders(options.places, options.workspace)
    lines += [
        Content(""),
        Content.assemble("Use one:  ", ("/agent NAME TASK", "bold")),
        Content(sanitise_line(f"Each is a Markdown file in {own}")),
        Content(sanitise_line(f"or, for this project, in {project}.")),
    ]
    lines += [Content("")] * bool(mistakes)
    lines += [Content.styled(f"✗ {sanitise_line(mistake)}", "$error") for mistake in mistakes]
    return Content("\n").join(lines)


def config_text(options: "Options") -> Content:
    lines = [
        Content.assemble("Configuration  ", (str(options.places.config_file), "bold")),
        Content.assemble("Add a provider, outside of here:  ", ("butler init", "bold")),
        Content("A project may add to it in .butler.toml."),
    ]
    lines += [Content.styled(sanitise(mistake), "$error") for mistake in options.mistakes]
    return Content("\n").join(lines)
