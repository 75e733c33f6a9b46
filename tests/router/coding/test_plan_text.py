"""A plan as Markdown, and back from what a user made of it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.coding.plan_text import FILES, RISKS, STEPS, TITLE, bounded, plan_of, plan_text
from store.events import Plan, PlannedFile

PLAN = Plan(
    title="Ack after commit",
    approach="Acknowledge once the transaction is through.\n\nOne key for each message.",
    architecture="worker → queue",
    tradeoffs="Slower, but nothing is lost.",
    files=(
        PlannedFile("src/queue.py", "edit", "ack in `commit`"),
        PlannedFile("tests/test_retry.py", "new"),
        PlannedFile("old.py", "delete", "unused"),
    ),
    steps=("Write a failing test.", "Move the ack.\n- in the worker\n- in the queue", "Run them."),
    risks=("Duplicate delivery while both versions run.",),
)

TEXT = """# Ack after commit

## Approach

Acknowledge once the transaction is through.

One key for each message.

## Architecture

worker → queue

## Tradeoffs

Slower, but nothing is lost.

## Files

- `src/queue.py` (edit): ack in `commit`
- `tests/test_retry.py` (new)
- `old.py` (delete): unused

## Steps

1. Write a failing test.
2. Move the ack.
   - in the worker
   - in the queue
3. Run them.

## Risks

- Duplicate delivery while both versions run.
"""


def test_a_plan_is_written_in_full_and_read_back() -> None:
    assert plan_text(PLAN) == TEXT
    assert plan_of(TEXT) == PLAN


# Text with all that could be taken for structure: headings, marks, fences, separators.
_PIECES = st.sampled_from(
    ["# ", "## Files", "## Steps\n", "**Risks**", "\\", "`", "```", "- ", "1. ", "\n", "\n\n", "  ",
     "\t", "(new)", ": ", "a/b.py", "word", "\x1b[2J", "\u202e", "\r", "\u2028", "\u00a0", "*", "é"]
)  # fmt: skip
texts = st.one_of(st.lists(_PIECES, max_size=12).map("".join), st.text(max_size=60))
plans = st.builds(
    Plan,
    title=texts,
    approach=texts,
    architecture=texts,
    tradeoffs=texts,
    files=st.lists(
        st.builds(PlannedFile, texts, st.sampled_from(["new", "edit", "delete"]), texts), max_size=4
    ).map(tuple),
    steps=st.lists(texts, max_size=4).map(tuple),
    risks=st.lists(texts, max_size=4).map(tuple),
)


@given(plans)
def test_whatever_a_model_plans_is_read_back_as_it_was_shown(plan: Plan) -> None:
    shown = bounded(plan)
    assert plan_of(plan_text(shown)) == shown


def words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]\w*", text))  # a number may be that of an item


@given(st.one_of(texts, st.builds(plan_text, plans.map(bounded)), st.text()), texts)
def test_nothing_the_user_wrote_is_lost(before: str, added: str) -> None:
    edited = f"{before}\n{added}"
    kept = plan_text(plan_of(edited))
    assert words(edited.lower()) - words(kept.lower()) <= {
        "approach", "architecture", "tradeoffs", "files", "steps", "risks",
    }  # fmt: skip


def test_an_edited_plan_keeps_what_the_user_wrote_where_they_wrote_it() -> None:
    edited = (
        TEXT.replace("3. Run them.", "3. Run them.\nalso the slow ones\n\n4. Tag a release.")
        .replace("- `old.py` (delete): unused\n", "- README.md: say so\n- whatever needs it\n")
        .replace("## Risks\n", "## Testing\n\nBy hand, too.\n\n## Risks\n\nA paragraph.\n")
    )
    plan = plan_of(edited)
    assert plan.steps[2:4] == ("Run them.\nalso the slow ones", "Tag a release.")
    assert plan.files[-1] == PlannedFile("README.md", "edit", "say so")
    assert plan.approach.endswith("whatever needs it\n\n## Testing\n\nBy hand, too.")
    assert plan.risks == ("A paragraph.", "Duplicate delivery while both versions run.")
    assert plan_of(plan_text(plan)) == plan


@pytest.mark.parametrize(
    ("text", "title", "approach"),
    [
        ("", "Plan", ""),
        ("\n\n", "Plan", ""),
        ("Just rename it.", "Just rename it.", ""),
        ("Rename it.\nEverywhere.", "Rename it.", "Everywhere."),
        ("# Rename\n\nEverywhere.", "Rename", "Everywhere."),
        ("## Approach\nRename it.", "Rename it.", "Rename it."),
        ("# 1. Approach\nRename it.", "1. Approach", "Rename it."),
    ],
)
def test_a_title_is_found_in_any_text(text: str, title: str, approach: str) -> None:
    plan = plan_of(text)
    assert (plan.title, plan.approach) == (title, approach)


def test_a_long_first_line_is_more_than_a_title() -> None:
    sentence = "Acknowledge the messages " * 10 + "last."
    plan = plan_of(sentence)
    assert len(plan.title) <= TITLE
    assert plan.title.endswith("…")
    assert plan.approach == sentence


def test_a_plan_written_as_models_write_without_tools_is_understood() -> None:
    plan = plan_of(
        "**Retry queue**\n\n### 1. Approach\nAck later.\n\n**Files to change:**\n"
        "* queue.py (modify) - ack\n* `new/file.py` (add)\n\n**Steps:**\n1) Test\n2) Code\n\n"
        "## Trade-offs\nNone."
    )
    assert plan.title == "Retry queue"
    assert plan.approach == "Ack later."
    assert plan.files == (
        PlannedFile("queue.py", "edit", "ack"),
        PlannedFile("new/file.py", "new"),
    )
    assert plan.steps == ("Test", "Code")
    assert plan.tradeoffs == "None."


def test_a_plan_without_end_is_cut_where_it_says_so() -> None:
    huge = "x" * 1_000_000
    shown = bounded(
        Plan(
            title=huge,
            approach=huge,
            architecture=huge,
            tradeoffs=huge,
            files=tuple(PlannedFile(f"{n}/{huge}", "new", huge) for n in range(500)),
            steps=(huge,) * 500,
            risks=(huge,) * 500,
        )
    )
    assert len(plan_text(shown)) < 80_000
    assert (len(shown.files), len(shown.steps), len(shown.risks)) == (FILES, STEPS, RISKS)
    assert len(shown.title) <= TITLE
    assert "996000 characters left out" in shown.approach
    assert "460 more files were named and are left out" in shown.approach


def test_nothing_in_a_plan_moves_the_cursor_or_turns_the_text_around() -> None:
    evil = "a\x1b[2J\u202eb\x07\x9b1m\rc"
    shown = plan_text(
        bounded(
            Plan(
                title=evil,
                approach=evil,
                architecture=evil,
                tradeoffs=evil,
                files=(PlannedFile(evil, "new", evil),),
                steps=(evil,),
                risks=(evil,),
            )
        )
    )
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", shown)
    assert shown.count("␛") == 8
    assert shown.count("⟨U+202E⟩") == 8


def test_paths_that_look_like_markup_stay_paths() -> None:
    paths = ("a`b.py", "``", "a (new): b.py", "`x`", "- y")
    plan = Plan(title="t", approach="a", files=tuple(PlannedFile(p, "new", "(w)") for p in paths))
    assert plan_of(plan_text(plan)) == plan
