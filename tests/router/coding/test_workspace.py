"""A workspace in a git repository: its base, what changed in it, keeping and closing."""

import asyncio
import os
from pathlib import Path

import pytest

from router.coding.workspace import Workspace, WorkspaceProblem, open_workspace
from router.coding.workspace_record import Spot
from tests.router.coding.repositories import Crash, User, everything_in, user_with_git


@pytest.fixture
def user(tmp_path: Path) -> User:
    user = user_with_git(tmp_path)
    user.has("app.py", "one\ntwo\nthree\n")
    user.has("gone.py", "old\n")
    user.has(".gitignore", "*.log\n.venv/\n")
    user.commit()
    return user


def index_of(user: User) -> bytes:
    return (user.folder / ".git" / "index").read_bytes()


async def test_a_clean_repository_is_worked_on_from_its_head(user: User) -> None:
    workspace = await user.open()
    assert workspace.event.kind == "worktree"
    assert workspace.event.base == user.git("rev-parse", "HEAD")
    assert workspace.event.branch == "butler/add-a-retry-aaaa1111"
    assert (workspace.root / "app.py").read_text() == "one\ntwo\nthree\n"
    assert workspace.it.exists
    assert await workspace.changes() == {}


async def test_the_workspace_has_the_files_as_they_are_and_the_user_notices_nothing(
    user: User,
) -> None:
    user.has("app.py", "one\n2\nthree\n")
    user.has("staged.py", "staged\n")
    user.git("add", "staged.py")
    user.has("staged.py", "staged, then changed\n")
    user.has("sub/new file ü.txt", "untracked\n")
    user.has("noise.log", "ignored\n")
    (user.folder / "gone.py").unlink()
    (user.folder / "link").symlink_to("app.py")
    user.has("run.sh", "#!/bin/sh\n").chmod(0o755)
    before = everything_in(user.folder), index_of(user), user.git("status", "--porcelain")

    workspace = await user.open()

    names = {str(path.relative_to(workspace.root)) for path in workspace.root.rglob("*")}
    assert names == {
        ".git", ".gitignore", "app.py", "staged.py", "sub", "sub/new file ü.txt", "link", "run.sh",
    }  # fmt: skip
    assert (workspace.root / "app.py").read_text() == "one\n2\nthree\n"
    assert (workspace.root / "staged.py").read_text() == "staged, then changed\n"
    assert (workspace.root / "link").readlink() == Path("app.py")
    assert os.access(workspace.root / "run.sh", os.X_OK)
    assert await workspace.changes() == {}
    assert (everything_in(user.folder), index_of(user)) == before[:2]
    assert user.git("status", "--porcelain") == before[2]
    assert user.git("stash", "list") == ""


async def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    user = user_with_git(tmp_path)
    user.has("first.py", "x\n")
    workspace = await user.open()
    assert workspace.event.kind == "worktree"
    workspace.write("first.py", "y\n")
    assert (await workspace.apply())["first.py"].settlement == "applied"
    assert user.read("first.py") == "y\n"


async def test_a_subfolder_is_mirrored_with_its_repository_around_it(user: User) -> None:
    user.has("pkg/inner.py", "x\n")
    user.commit()
    workspace = await user.open(source=user.folder / "pkg")
    assert (workspace.root / "inner.py").read_text() == "x\n"
    assert (workspace.root.parent / "app.py").exists()
    workspace.write("inner.py", "y\n")
    workspace.write("more/new.py", "z\n")
    workspace.write("../app.py", "outside of what was asked for\n")
    assert list(await workspace.changes()) == ["inner.py", "more/new.py"]
    await workspace.apply()
    assert user.read("pkg/inner.py") == "y\n"
    assert user.read("pkg/more/new.py") == "z\n"
    assert user.read("app.py") == "one\ntwo\nthree\n"


async def test_changes_are_told_with_counts_and_diffs(user: User) -> None:
    user.has("data.bin", b"\0\1\2")
    user.has("to_link", "text\n")
    user.commit()
    workspace = await user.open()
    workspace.write("app.py", "one\nTWO\nthree\nfour\n")
    workspace.write("new file ü.py", "a\nb\n")
    workspace.write("data.bin", b"\0\1\3")
    (workspace.root / "gone.py").unlink()
    (workspace.root / "to_link").unlink()
    (workspace.root / "to_link").symlink_to("app.py")
    (workspace.root / ".gitignore").chmod(0o755)

    changes = await workspace.changes()

    told = {name: (c.change, c.added, c.removed, c.binary) for name, c in changes.items()}
    assert told == {
        ".gitignore": ("edit", 0, 0, False),
        "app.py": ("edit", 2, 1, False),
        "data.bin": ("edit", 0, 0, True),
        "gone.py": ("delete", 0, 1, False),
        "new file ü.py": ("new", 2, 0, False),
        "to_link": ("edit", 1, 1, False),
    }
    assert "@@ -1,3 +1,4 @@\n one\n-two\n+TWO\n three\n+four\n" in changes["app.py"].diff
    assert changes["app.py"].diff.startswith("--- a/app.py\n+++ b/app.py\n")
    assert "+a\n+b\n" in changes["new file ü.py"].diff
    assert changes["data.bin"].diff == ""
    assert "new mode 100755" in changes[".gitignore"].diff
    assert "-text\n" in changes["to_link"].diff
    assert "+app.py\n" in changes["to_link"].diff


async def test_a_renamed_file_is_one_that_went_and_one_that_came(user: User) -> None:
    workspace = await user.open()
    (workspace.root / "app.py").rename(workspace.root / "main.py")
    changes = await workspace.changes()
    assert {name: c.change for name, c in changes.items()} == {
        "app.py": "delete",
        "main.py": "new",
    }


async def test_long_diffs_are_cut_and_counted_in_full(user: User) -> None:
    workspace = await user.open()
    for number in range(12):
        workspace.write(f"long{number:02}.txt", "0123456789\n" * 20_000)
    workspace.write("z.txt", "short\n")
    changes = await workspace.changes()
    assert all(c.added == 20_000 and c.cut for name, c in changes.items() if name != "z.txt")
    assert len(changes["long00.txt"].diff) in range(60_000, 64_001)
    assert sum(len(c.diff) for c in changes.values()) <= 512_000
    assert changes["z.txt"].cut  # no room was left for it


async def test_an_agent_cannot_hide_a_change_behind_attributes(user: User) -> None:
    workspace = await user.open()
    workspace.write(".gitattributes", "*.py -diff binary\n")
    workspace.write("app.py", "evil\n")
    changes = await workspace.changes()
    assert "+evil\n" in changes["app.py"].diff


async def test_an_agent_that_breaks_its_git_file_changes_nothing_for_us(
    user: User, tmp_path: Path
) -> None:
    workspace = await user.open()
    (workspace.root / ".git").unlink()
    config = tmp_path / "config"
    hostile = workspace.root / ".git"
    hostile.mkdir()
    (hostile / "config").write_text(f"[core]\n\tfsmonitor = touch {config}\n")
    workspace.write("app.py", "1\n")
    assert list(await workspace.changes()) == ["app.py"]
    assert not config.exists()
    await workspace.it.close()
    assert not workspace.root.exists()
    assert "butler" not in user.git("worktree", "list") + user.git("branch")


async def test_a_repository_that_the_agent_began_inside_counts_as_files(user: User) -> None:
    workspace = await user.open()
    workspace.write("app2/main.py", "x\n")
    User(workspace.root / "app2", user.workspaces).git("init", "-q")
    (workspace.root / "gone.py").unlink()
    workspace.write("gone.py/main.py", "x\n")
    User(workspace.root / "gone.py", user.workspaces).git("init", "-q")
    assert [*await workspace.changes()] == ["app2/main.py", "gone.py", "gone.py/main.py"]


async def test_an_untracked_file_that_cannot_be_read_is_in_nobodys_way(user: User) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    user.has("of_somebody_else", "x\n").chmod(0)
    assert not ((await user.open()).root / "of_somebody_else").exists()


async def test_files_left_out_of_a_sparse_checkout_are_no_deletions(user: User) -> None:
    user.has("here/a.py", "a\n")
    user.has("there/b.py", "b\n")
    user.commit()
    user.git("sparse-checkout", "set", "here")
    workspace = await user.open()
    assert await workspace.changes() == {}
    workspace.write("here/a.py", "new\n")
    assert list(await workspace.changes()) == ["here/a.py"]


async def test_a_submodule_is_left_as_it_is(user: User, tmp_path: Path) -> None:
    library = User(tmp_path / "library", user.workspaces)
    library.folder.mkdir()
    library.git("init", "-q")
    library.has("lib.c", "x\n")
    library.commit()
    user.git("-c", "protocol.file.allow=always", "submodule", "-q", "add", str(library.folder))
    user.commit()
    workspace = await user.open()
    workspace.write("library/lib.c", "y\n")
    assert await workspace.changes() == {}
    await workspace.it.keep("nothing")
    assert user.read("library/lib.c") == "x\n"


async def test_cancelling_stops_git_and_leaves_no_trace(user: User) -> None:
    workspace = await user.open()
    looking = asyncio.create_task(workspace.it.changes())
    while not [*user.workspaces.glob("*.tmp-*")]:  # noqa: ASYNC110 (a folder gives no event)
        await asyncio.sleep(0)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert not [*user.workspaces.glob("*.tmp-*")]
    assert await workspace.changes() == {}


async def test_dependencies_are_at_hand_and_no_change(user: User) -> None:
    user.has(".venv/bin/python", "a python\n")
    workspace = await user.open()
    assert (workspace.root / ".venv" / "bin" / "python").read_text() == "a python\n"
    assert await workspace.changes() == {}
    await workspace.it.keep("done")
    assert user.git("ls-tree", "--name-only", workspace.event.branch, ".venv") == ""
    assert user.read(".venv/bin/python") == "a python\n"


async def test_another_link_in_their_place_is_a_change(user: User) -> None:
    user.has(".venv/bin/python", "a python\n")
    workspace = await user.open()
    (workspace.root / ".venv").unlink()
    (workspace.root / ".venv").symlink_to("/")
    assert list(await workspace.changes()) == [".venv"]


async def test_large_untracked_files_stay_where_they_are(user: User) -> None:
    user.has("video.mp4", b"0" * 20_000_001)
    workspace = await user.open()
    assert not (workspace.root / "video.mp4").exists()
    assert await workspace.changes() == {}
    workspace.write("made.bin", b"1" * 20_000_001)
    assert (await workspace.changes())["made.bin"].cut
    settled = await workspace.apply()
    assert settled["made.bin"].settlement == "conflict"
    assert "20 MB" in settled["made.bin"].detail


async def test_keeping_leaves_the_branch_and_nothing_else(user: User) -> None:
    user.has("app.py", "one\nmine, not committed\n")
    workspace = await user.open()
    workspace.write("app.py", "one\nButler's\n")
    workspace.write("new.py", "new\n")
    settled = await workspace.it.keep("Add a retry")
    assert (settled.path, settled.settlement) == ("", "kept")
    branch = workspace.event.branch
    assert branch in settled.detail
    assert not workspace.it.exists
    assert list(user.workspaces.iterdir()) == []
    assert user.git("show", f"{branch}:app.py") == "one\nButler's"
    assert user.git("log", "-1", "--format=%an %s", branch) == "Butler Add a retry"
    assert user.git("diff", "--name-only", f"{branch}~", branch) == "app.py\nnew.py"
    assert len(user.git("worktree", "list").splitlines()) == 1
    assert user.read("app.py") == "one\nmine, not committed\n"


async def test_keeping_goes_on_where_a_crash_stopped_it(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = await user.open()
    workspace.write("app.py", "kept\n")

    def dies(spot: Spot) -> None:
        (spot.work / "app.py").unlink()
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Spot, "remove_work", dies)
        with pytest.raises(Crash):
            await workspace.it.keep("Kept")
    assert not workspace.it.exists
    again = Workspace(workspace.event)
    for _ in range(2):
        assert (await again.keep("Kept")).settlement == "kept"
        assert user.git("show", f"{workspace.event.branch}:app.py") == "kept"
    assert not workspace.root.exists()


async def test_one_that_was_being_removed_is_no_place_to_work(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = await user.open()

    def dies(spot: Spot) -> None:
        (spot.work / "app.py").unlink()
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Spot, "remove_work", dies)
        with pytest.raises(Crash):
            await workspace.it.close()
    assert not workspace.it.exists
    again = await user.open()
    assert again.it.exists
    assert await again.changes() == {}


async def test_keeping_has_what_the_agent_committed_itself(user: User) -> None:
    workspace = await user.open()
    workspace.write("app.py", "1\n")
    agent = User(workspace.root, user.workspaces)
    agent.commit("by the agent")
    workspace.write("app.py", "2\n")
    assert list(await workspace.changes()) == ["app.py"]
    await workspace.it.keep("the rest")
    told = user.git("log", "-2", "--format=%s", workspace.event.branch)
    assert told == "the rest\nby the agent"


async def test_closing_leaves_nothing(user: User) -> None:
    workspace = await user.open()
    workspace.write("app.py", "1\n")
    (workspace.write("locked/file", "x").parent).chmod(0o500)
    await workspace.it.close()
    assert not workspace.it.exists
    assert list(user.workspaces.iterdir()) == []
    assert user.git("branch", "--format=%(refname:short)") == "main"
    assert len(user.git("worktree", "list").splitlines()) == 1
    await workspace.it.close()


async def test_closing_leaves_a_branch_the_user_has_checked_out(user: User) -> None:
    workspace = await user.open()
    user.git("checkout", "-q", "--ignore-other-worktrees", workspace.event.branch)
    await workspace.it.close()
    assert user.git("branch", "--show-current") == workspace.event.branch


async def test_a_session_whose_workspace_exists_finds_its_work_again(user: User) -> None:
    first = await user.open()
    first.write("app.py", "work\n")
    again = await user.open()
    assert again.event == first.event
    assert list(await again.changes()) == ["app.py"]


async def test_what_a_crash_left_half_made_is_made_anew(user: User) -> None:
    first = await user.open()
    note = user.workspaces / "aaaa1111bbbb.json"
    note.write_text(note.read_text().replace('"complete":true', '"complete":false'))
    (first.root / "app.py").unlink()
    again = await user.open()
    assert await again.changes() == {}
    assert again.event.branch == first.event.branch
    assert len(user.git("worktree", "list").splitlines()) == 2


async def test_a_folder_that_was_removed_by_hand_is_made_anew(user: User) -> None:
    first = await user.open()
    Workspace(first.event)
    user.git("worktree", "remove", "--force", str(first.root))
    again = await user.open()
    assert again.it.exists
    assert again.event.branch == first.event.branch


async def test_branches_of_the_user_are_in_nobodys_way(user: User) -> None:
    user.git("branch", "butler")
    workspace = await user.open()
    assert workspace.event.branch == "butler-add-a-retry-aaaa1111"
    other = await user.open("aaaa1111cccc", title="Ünïcode … / ../ & more")
    assert other.event.branch == "butler-unicode-more-aaaa1111"


async def test_hooks_do_not_run(user: User, tmp_path: Path) -> None:
    hook = user.has(".git/hooks/post-checkout", f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    workspace = await user.open()
    workspace.write("app.py", "x\n")
    await workspace.it.keep("x")
    assert not (tmp_path / "ran").exists()


async def test_workspaces_inside_of_the_project_are_no_part_of_it(user: User) -> None:
    inside = User(user.folder, user.folder / "state" / "workspaces")
    first = await inside.open()
    second = await inside.open("cccc2222dddd", title="")
    assert not (second.root / "state" / "workspaces").exists()
    assert second.event.branch == "butler/cccc2222"
    first.write("app.py", "x\n")
    await first.apply()
    assert user.read("app.py") == "x\n"


async def test_a_worktree_of_the_users_own_is_a_repository_as_well(
    user: User, tmp_path: Path
) -> None:
    user.git("worktree", "add", "-q", str(tmp_path / "other"), "-b", "theirs")
    other = User(tmp_path / "other", user.workspaces)
    other.has("app.py", "dirty\n")
    workspace = await other.open()
    assert (workspace.root / "app.py").read_text() == "dirty\n"
    workspace.write("app.py", "Butler's\n")
    await workspace.apply()
    assert other.read("app.py") == "Butler's\n"
    assert user.read("app.py") == "one\ntwo\nthree\n"


async def test_no_git_is_told_with_what_installs_it(
    user: User, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "apt-get").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(WorkspaceProblem, match="sudo apt-get install git"):
        await user.open()


@pytest.mark.parametrize("session", ["../x", "a/b", "", ".git"])
async def test_a_session_is_no_path(user: User, session: str) -> None:
    with pytest.raises(WorkspaceProblem):
        await open_workspace(user.folder, session, "", user.workspaces, copy_limit=1)


async def test_a_folder_that_is_gone_is_told(user: User) -> None:
    with pytest.raises(WorkspaceProblem, match="is no folder"):
        await user.open(source=user.folder / "nowhere")
