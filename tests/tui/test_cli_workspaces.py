"""`butler workspaces`: what is left of coding sessions, and cleaning it."""

import asyncio
from pathlib import Path

import pytest

from router.coding.workspace_record import Spot
from store.events import (
    AnyEvent,
    ChangeSettled,
    FileChanged,
    SessionStarted,
    SessionStateChanged,
)
from store.session_events import SessionState
from tests.router.coding.repositories import Crash, Opened, User, user_with_git
from tests.tui.command_line import CommandLine
from tui.exits import Exit


@pytest.fixture
def butler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    return CommandLine(tmp_path, monkeypatch, capsys)


@pytest.fixture
def user(tmp_path: Path, butler: CommandLine) -> User:
    made = user_with_git(tmp_path)
    made.has("app.py", "one\n")
    made.commit()
    return User(made.folder, butler.places.data / "workspaces")


def coded(
    butler: CommandLine,
    user: User,
    session: str,
    *,
    state: SessionState = "done",
    settled: tuple[AnyEvent, ...] = (),
    wrote: str = "two\n",
    **how: int,
) -> Opened:
    """A coding session as it stands in journal and folder."""
    workspace = asyncio.run(user.open(session, **how))
    if wrote:
        workspace.write("app.py", wrote)
    with butler.store() as store:
        store.journal.append(
            session,
            SessionStarted(kind="code", title=f"task {session}", workspace=str(user.folder)),
            workspace.event,
            *settled,
            SessionStateChanged(state=state),
        ).wait(5)
    return workspace


APPLIED = ChangeSettled(path="app.py", settlement="applied")


def test_with_none_it_says_so(butler: CommandLine) -> None:
    done = butler("workspaces")
    assert (done.code, done.out) == (Exit.DONE, "")
    assert "no workspaces" in done.err
    assert butler("workspaces", "--output-format", "json").json == []
    assert butler("workspaces", "clean").code == Exit.DONE


def test_the_list_tells_of_each_what_it_is_and_what_is_open(
    butler: CommandLine, user: User
) -> None:
    coded(butler, user, "aaaa1111aaaa")
    coded(butler, user, "bbbb2222bbbb", settled=(APPLIED,))
    done = butler("workspaces")
    assert done.code == Exit.DONE
    first, second = sorted(done.out.splitlines())
    assert first.startswith("aaaa1111  worktree  done")
    assert "1 change not settled  task aaaa1111aaaa  butler/add-a-retry-aaaa1111" in first
    assert "not settled" not in second
    listed = {one["id"]: one for one in butler("workspaces", "--output-format", "json").json}
    assert listed["aaaa1111aaaa"] | {"size": 0, "created_at": 0} == {
        "id": "aaaa1111aaaa",
        "title": "task aaaa1111aaaa",
        "kind": "worktree",
        "state": "done",
        "folder": str(user.workspaces / "aaaa1111aaaa"),
        "source": str(user.folder),
        "branch": "butler/add-a-retry-aaaa1111",
        "size": 0,
        "created_at": 0,
        "unsettled": ["app.py"],
        "kept": False,
        "gone": False,
        "problem": "",
    }
    assert listed["aaaa1111aaaa"]["size"] >= 4
    assert listed["aaaa1111aaaa"]["created_at"] > 1_600_000_000_000


def test_clean_removes_what_is_settled_and_leaves_the_rest(butler: CommandLine, user: User) -> None:
    open_one = coded(butler, user, "aaaa1111aaaa")
    settled = coded(butler, user, "bbbb2222bbbb", settled=(APPLIED,))
    done = butler("workspaces", "clean")
    assert done.code == Exit.DONE
    assert "bbbb2222 is removed" in done.err
    assert "aaaa1111 stays: a changed file is neither applied nor discarded" in done.err
    assert open_one.it.exists
    assert not settled.it.exists
    assert user.git("branch", "--list", "butler/*").split()[-1] == "butler/add-a-retry-aaaa1111"


def test_what_is_unsettled_goes_only_by_force(butler: CommandLine, user: User) -> None:
    workspace = coded(butler, user, "aaaa1111aaaa")
    refused = butler("workspaces", "clean", "aaaa", "--output-format", "json")
    assert refused.code == Exit.DECLINED
    assert refused.json["removed"] == []
    assert "--force" in refused.json["refused"][0]["reason"]
    assert workspace.it.exists
    done = butler("workspaces", "clean", "aaaa", "--force", "--output-format", "json")
    assert done.code == Exit.DONE
    assert done.json == {"removed": ["aaaa1111aaaa"], "refused": []}
    assert list(user.workspaces.iterdir()) == []
    assert user.git("branch", "--list", "butler/*") == ""
    assert user.read("app.py") == "one\n"


@pytest.mark.parametrize(
    "after",
    [
        ChangeSettled(path="app.py", settlement="conflict"),
        FileChanged(reply="r", path="app.py", change="edit", added=1, removed=1),
    ],
)
def test_what_was_changed_once_more_or_did_not_fit_is_unsettled(
    butler: CommandLine, user: User, after: AnyEvent
) -> None:
    coded(butler, user, "aaaa1111aaaa", settled=(APPLIED, after))
    assert butler("workspaces", "clean", "--all").code == Exit.DECLINED


@pytest.mark.parametrize("state", ["waiting", "queued"])
def test_a_session_that_goes_on_keeps_its_workspace(
    butler: CommandLine, user: User, state: SessionState
) -> None:
    workspace = coded(butler, user, "aaaa1111aaaa", state=state, wrote="")
    done = butler("workspaces", "clean", "--all")
    assert done.code == Exit.DECLINED
    assert "not ended" in done.err
    assert workspace.it.exists


def test_one_that_runs_is_never_removed(butler: CommandLine, user: User) -> None:
    workspace = coded(butler, user, "aaaa1111aaaa", wrote="")
    with butler.store() as store:
        lease = store.sessions.lease("aaaa1111aaaa")
        assert lease is not None
        done = butler("workspaces", "clean", "--all", "--force")
    assert done.code == Exit.DECLINED
    assert "open in another Butler" in done.err
    assert workspace.it.exists


def test_what_no_session_knows_is_found_by_its_note(butler: CommandLine, user: User) -> None:
    """The program died between making the workspace and writing it into the journal."""
    workspace = asyncio.run(user.open("cccc3333cccc"))
    (listed,) = butler("workspaces", "--output-format", "json").json
    assert (listed["id"], listed["state"], listed["kind"]) == (
        "cccc3333cccc",
        "unknown",
        "worktree",
    )
    assert butler("workspaces", "clean").code == Exit.DONE
    assert not workspace.it.exists
    assert user.git("branch", "--list", "butler/*") == ""


@pytest.mark.parametrize("step", ["note", "folder"])
def test_what_a_crash_left_half_made_is_cleaned(butler: CommandLine, user: User, step: str) -> None:
    workspace = asyncio.run(user.open("cccc3333cccc"))
    note = user.workspaces / "cccc3333cccc.json"
    note.write_text(note.read_text().replace('"complete":true', '"complete":false'))
    if step == "note":
        user.git("worktree", "remove", "--force", str(workspace.root))
    else:
        (workspace.root / "app.py").unlink()
    assert butler("workspaces", "clean").code == Exit.DONE
    assert list(user.workspaces.iterdir()) == []
    assert user.git("branch", "--list", "butler/*") == ""


def test_a_folder_nobody_knows_anything_of_goes_only_by_force(
    butler: CommandLine, user: User
) -> None:
    (user.workspaces / "dddd4444").mkdir(parents=True)
    (user.workspaces / "dddd4444" / "work.py").write_text("x")
    (user.workspaces / ".DS_Store").touch()
    assert butler("workspaces", "clean", "--all").code == Exit.DECLINED
    assert butler("workspaces", "clean", "--all", "--force").code == Exit.DONE
    assert [path.name for path in user.workspaces.iterdir()] == [".DS_Store"]


def test_entries_of_folders_that_are_gone_are_pruned(butler: CommandLine, user: User) -> None:
    coded(butler, user, "aaaa1111aaaa", state="waiting")
    for path in [*user.workspaces.iterdir()]:
        path.rename(path.with_name(f".trash-{path.name}"))
    elsewhere = user.folder.parent / "unplugged"
    user.git("worktree", "add", "-q", str(elsewhere))
    elsewhere.rename(elsewhere.with_name("disk"))
    assert "folder is gone" in butler("workspaces").out
    assert butler("workspaces", "clean").code == Exit.DONE
    assert "aaaa1111" not in user.git("worktree", "list")
    assert user.git("branch", "--list", "butler/*") == ""
    assert "unplugged" in user.git("worktree", "list")  # somebody else's business
    assert butler("workspaces").out == ""


def test_a_kept_copy_is_not_swept_away(butler: CommandLine, user: User, tmp_path: Path) -> None:
    notes = User(tmp_path / "notes", user.workspaces)
    notes.folder.mkdir()
    notes.has("app.py", "one\n")
    kept = ChangeSettled(path="", settlement="kept")
    workspace = coded(butler, notes, "aaaa1111aaaa", settled=(APPLIED, kept))
    done = butler("workspaces", "clean")
    assert "you kept it" in done.err
    assert workspace.it.exists
    assert butler("workspaces", "clean", "aaaa", "--force").code == Exit.DONE
    assert not workspace.it.exists


def test_of_a_kept_branch_only_the_folder_is_cleaned(butler: CommandLine, user: User) -> None:
    """The program died after it had committed and before the folder was gone."""
    workspace = coded(butler, user, "aaaa1111aaaa")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Spot, "remove_work", _die)
        with pytest.raises(Crash):
            asyncio.run(workspace.it.keep("Kept"))
    assert butler("workspaces", "clean").code == Exit.DONE
    assert list(user.workspaces.iterdir()) == []
    assert user.git("show", f"{workspace.event.branch}:app.py") == "two"


def _die(_spot: Spot) -> None:
    raise Crash


def test_a_repository_that_is_gone_is_told_and_cleaned_by_force(
    butler: CommandLine, user: User
) -> None:
    workspace = coded(butler, user, "aaaa1111aaaa")
    user.folder.rename(user.folder.with_name("moved"))
    assert "changes unknown" in butler("workspaces").out
    assert butler("workspaces", "clean", "--all").code == Exit.DECLINED
    assert butler("workspaces", "clean", "--all", "--force").code == Exit.DONE
    assert not workspace.root.exists()


@pytest.mark.parametrize(
    "arguments", [("zzzz",), ("aaaa",), ("--force",), ("aaaa1111aaaa", "--all")]
)
def test_wrong_use(butler: CommandLine, user: User, arguments: tuple[str, ...]) -> None:
    coded(butler, user, "aaaa1111aaaa")
    coded(butler, user, "aaaa1111bbbb")
    done = butler("workspaces", "clean", *arguments)
    assert done.code == Exit.WRONG_USE
    assert done.err
    assert len(butler("workspaces", "--output-format", "json").json) == 2


def test_titles_and_names_cannot_steer_the_terminal(butler: CommandLine, user: User) -> None:
    with butler.store() as store:
        store.journal.append(
            "eeee5555", SessionStarted(kind="code", title="evil \x1b]0;owned\x07")
        ).wait(5)
    (user.workspaces / "eeee5555").mkdir(parents=True)
    assert "\x1b" not in butler("workspaces").out
