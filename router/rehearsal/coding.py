"""The rehearsal's coding: a small project, and what is answered about it.

No model small enough to be at hand can write code, so this part is written beforehand. What
comes of it is real: the workspace, the tools, the command that runs, the files that change.
"""

from pathlib import Path
from typing import Any, Final

from router.rehearsal import wires
from router.rehearsal.wires import Answer, Body

TASK: Final = "/plan The last page is missing unless it is full: mend pages.py and add a test"
REQUESTS: Final = 6
"""What the task takes: a plan, two sketches, three steps of the specialist."""

_PAGES: Final = '''"""Pages of a list."""


def pages(items: int, size: int) -> int:
    """How many pages it takes to show all items."""
    return {}
'''
_TEST: Final = """import unittest

from pages import pages


class Pages(unittest.TestCase):
    def test_full_pages(self) -> None:
        self.assertEqual(pages(20, 10), 2)
"""
_MORE: Final = """
    def test_the_last_page_need_not_be_full(self) -> None:
        self.assertEqual(pages(21, 10), 3)

    def test_nothing_takes_no_page(self) -> None:
        self.assertEqual(pages(0, 10), 0)
"""
PROJECT: Final = {
    "README.md": "# Pages\n\nA small project to rehearse with.\n",
    "pages.py": _PAGES.format("items // size"),
    "test_pages.py": _TEST,
}
_MENDED: Final = {
    "pages.py": _PAGES.format("-(-items // size)"),
    "test_pages.py": _TEST + _MORE,
}
_COMMAND: Final = "python3 -m unittest"

_PLAN: Final[dict[str, Any]] = {
    "title": "Count the last page",
    "approach": "Divide rounding up instead of down, in whole numbers: no float can be wrong.",
    "tradeoffs": "A double minus is short but wants a second look; math.ceil reads more easily.",
    "files": [
        {"path": "pages.py", "change": "edit", "why": "round up"},
        {"path": "test_pages.py", "change": "edit", "why": "a page that is not full, and none"},
    ],
    "steps": [
        "Round up in pages.py.",
        "Add tests for a last page that is not full, and for an empty list.",
        "Run the tests.",
    ],
    "risks": ["A size of 0 fails as it did before."],
}
_SKETCHES: Final = {
    "messages": """Count the rest
Approach: Take the quotient, and one more if there is a rest.
Tradeoff: A line more.
Risk: None that is new.
Files: pages.py, test_pages.py""",
    "responses": """Use math.ceil
Approach: Divide and round up with math.ceil; it says what is meant.
Tradeoff: It goes through a float.
Risk: Wrong for lists of more than 2**53 items.
Files: pages.py, test_pages.py""",
    "completions": """Use divmod
Approach: Take quotient and rest with divmod, and add one page for a rest.
Tradeoff: Two names for what one expression can do.
Risk: None that is new.
Files: pages.py, test_pages.py""",
}
_WELL: Final = "Exit code 0"


def lay_out(folder: Path) -> None:
    for name, text in PROJECT.items():
        _ = (folder / name).write_text(text, "utf-8")


def answer(account: str, body: Body) -> Answer | None:
    """What is answered to a request of the coding desk; `None` for any other."""
    offered = wires.offered(body)
    if "propose_plan" in offered:
        return Answer(calls=(("propose_plan", _PLAN),))
    # The chat may write files, too; only there can it start sessions.
    if "write_file" in offered and "sessions_spawn" not in offered:
        return _step(wires.results(account, body))
    return Answer(_SKETCHES[account]) if _is_sketch(account, body) else None


def _is_sketch(account: str, body: Body) -> bool:
    from router.coding.comparing import SYSTEM

    return SYSTEM.splitlines()[0] in wires.system(account, body)


def _step(results: list[str]) -> Answer:
    """What the specialist does next, after so many results of its tools."""
    files = len(_MENDED)
    if len(results) < files:
        writes = [("write_file", {"path": path, "content": text}) for path, text in _MENDED.items()]
        return Answer("I round up, and add the tests that were missing.", tuple(writes))
    if len(results) == files:
        return Answer("Now the tests.", (("run_command", {"command": _COMMAND}),))
    ran = any(_WELL in result for result in results[files:])
    told = "All tests pass." if ran else "The tests were not run to a good end here."
    return Answer(f"`pages` rounds up now, and an empty list still takes no page. {told}")
