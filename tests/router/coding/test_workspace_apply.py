"""Changes of a workspace get into the user's files, or don't, and nothing of theirs gets lost."""

import asyncio
import os
from pathlib import Path

import pytest

from router.coding import user_files
from router.coding.workspace import WorkspaceProblem
from tests.router.coding.repositories import User, everything_in, user_with_git

TEN = "".join(f"line {number}\n" for number in range(10))


@pytest.fixture
def user(tmp_path: Path) -> User:
    user = user_with_git(tmp_path)
    user.has("app.py", TEN)
    user.has("gone.py", "old\n")
    user.has("pkg/deep/only.py", "x\n")
    user.commit()
    return user


async def test_all_kinds_of_changes_arrive(user: User) -> None:
    user.has("data.bin", b"\0\1")
    user.has("run.sh", "#!/bin/sh\n")
    user.has("keeps.sh", "#!/bin/sh\n").chmod(0o750)
    user.commit()
    workspace = await user.open()
    workspace.write("app.py", TEN + "more\n")
    workspace.write("new/dir/file with space ü.py", "n\n")
    workspace.write("data.bin", b"\0\2")
    (workspace.root / "run.sh").chmod(0o755)
    workspace.write("keeps.sh", "#!/bin/sh\nexit\n")
    workspace.write("tool", "#!/bin/sh\n").chmod(0o755)
    (workspace.root / "here").symlink_to("pkg/deep")
    (workspace.root / "gone.py").unlink()
    (workspace.root / "pkg/deep/only.py").unlink()
    index = (user.folder / ".git/index").read_bytes()

    settled = await workspace.apply()

    assert {one.settlement for one in settled.values()} == {"applied"}
    assert len(settled) == 9
    assert user.read("app.py") == TEN + "more\n"
    assert user.read("new/dir/file with space ü.py") == "n\n"
    assert (user.folder / "data.bin").read_bytes() == b"\0\2"
    assert os.access(user.folder / "run.sh", os.X_OK)
    assert (user.folder / "keeps.sh").stat().st_mode & 0o777 == 0o750
    assert os.access(user.folder / "tool", os.X_OK)
    assert (user.folder / "here").readlink() == Path("pkg/deep")
    assert not (user.folder / "gone.py").exists()
    assert not (user.folder / "pkg").exists()
    assert (user.folder / ".git/index").read_bytes() == index
    assert not [name for name in everything_in(user.folder) if "butler" in name]


async def test_only_what_is_named_is_applied(user: User) -> None:
    workspace = await user.open()
    workspace.write("app.py", "new\n")
    workspace.write("other.py", "new\n")
    settled = await workspace.apply("other.py", "untouched.py")
    assert {path: one.settlement for path, one in settled.items()} == {
        "other.py": "applied",
        "untouched.py": "applied",
    }
    assert user.read("app.py") == TEN
    assert user.read("other.py") == "new\n"


async def test_what_the_user_changed_elsewhere_in_the_file_is_merged(user: User) -> None:
    workspace = await user.open()
    workspace.write("app.py", TEN.replace("line 1\n", "Butler's\n"))
    user.has("app.py", TEN.replace("line 8\n", "mine\n"))
    both = TEN.replace("line 1\n", "Butler's\n").replace("line 8\n", "mine\n")
    assert (await workspace.apply())["app.py"].settlement == "merged"
    assert user.read("app.py") == both
    assert (await workspace.apply())["app.py"].settlement == "applied"
    assert user.read("app.py") == both


async def test_a_conflict_shows_both_and_writes_nothing_and_the_rest_is_applied(user: User) -> None:
    workspace = await user.open()
    workspace.write("app.py", TEN.replace("line 5\n", "Butler's\n"))
    workspace.write("zoo.py", "z\n")
    mine = TEN.replace("line 5\n", "mine\n")
    user.has("app.py", mine)
    settled = await workspace.apply()
    assert settled["app.py"].settlement == "conflict"
    assert "<<<<<<< yours\nmine\n=======\nButler's\n>>>>>>> butler\n" in settled["app.py"].detail
    assert settled["zoo.py"].settlement == "applied"
    assert user.read("app.py") == mine
    assert user.read("zoo.py") == "z\n"


async def test_of_a_long_file_the_conflict_is_shown(user: User) -> None:
    lines = [f"line {number}\n" for number in range(20_000)]
    user.has("long.txt", "".join(lines))
    user.commit()
    workspace = await user.open()
    lines[15_000] = "Butler's\n"
    workspace.write("long.txt", "".join(lines))
    lines[15_000] = "mine\n"
    user.has("long.txt", "".join(lines))
    detail = (await workspace.apply())["long.txt"].detail
    assert "<<<<<<< yours\nmine\n=======\nButler's\n" in detail
    assert len(detail) < 1_000


async def test_each_way_in_which_both_have_touched_a_file(user: User) -> None:
    user.has("changed_here_deleted_there", "a\n")
    user.has("deleted_here_changed_there", "a\n")
    user.has("binary", b"\0a")
    user.has("folder_now", "a\n")
    user.has("link_now", "a\n")
    user.commit()
    workspace = await user.open()
    (workspace.root / "changed_here_deleted_there").unlink()
    workspace.write("deleted_here_changed_there", "b\n")
    workspace.write("binary", b"\0b")
    workspace.write("folder_now", "b\n")
    workspace.write("link_now", "b\n")
    workspace.write("both_new", "b\n")
    workspace.write("way/through", "b\n")
    workspace.write("same_new", "same\n")
    workspace.write("pipe", "b\n")
    user.has("changed_here_deleted_there", "mine\n")
    (user.folder / "deleted_here_changed_there").unlink()
    user.has("binary", b"\0mine")
    (user.folder / "folder_now").unlink()
    (user.folder / "folder_now").mkdir()
    (user.folder / "link_now").unlink()
    (user.folder / "link_now").symlink_to("app.py")
    user.has("both_new", "mine\n")
    user.has("way", "a file where a folder is needed\n")
    user.has("same_new", "same\n")
    os.mkfifo(user.folder / "pipe")
    before = everything_in(user.folder)

    settled = await workspace.apply()

    assert settled.pop("same_new").settlement == "applied"
    assert {path: one.settlement for path, one in settled.items()} == dict.fromkeys(
        ["changed_here_deleted_there", "deleted_here_changed_there", "binary", "folder_now",
         "link_now", "both_new", "way/through", "pipe"], "conflict",
    )  # fmt: skip
    assert all(one.detail for one in settled.values())
    assert "mine\n=======\nb\n" in settled["both_new"].detail
    assert everything_in(user.folder) == before


async def test_a_file_becomes_a_folder_and_a_folder_a_file(user: User) -> None:
    workspace = await user.open()
    (workspace.root / "gone.py").unlink()
    workspace.write("gone.py/__init__.py", "a\n")
    (workspace.root / "pkg/deep/only.py").unlink()
    (workspace.root / "pkg/deep").rmdir()
    (workspace.root / "pkg").rmdir()
    workspace.write("pkg", "b\n")
    settled = await workspace.apply()
    assert {one.settlement for one in settled.values()} == {"applied"}
    assert user.read("gone.py/__init__.py") == "a\n"
    assert user.read("pkg") == "b\n"


async def test_a_mode_and_a_text_changed_by_one_each_go_together(user: User) -> None:
    workspace = await user.open()
    (workspace.root / "app.py").chmod(0o755)
    user.has("app.py", "mine\n")
    assert (await workspace.apply())["app.py"].settlement == "applied"
    assert user.read("app.py") == "mine\n"
    assert os.access(user.folder / "app.py", os.X_OK)


@pytest.mark.parametrize("attributes", ["", "* text=auto\n", "* text eol=crlf\n"])
async def test_line_endings_stay_the_users(user: User, attributes: str) -> None:
    if attributes:
        user.has(".gitattributes", attributes)
    user.has("dos.txt", "one\r\ntwo\r\nthree\r\n")
    user.commit()
    # As it is after a checkout on a machine that keeps them so.
    user.has("dos.txt", "one\r\ntwo\r\nthree\r\n")
    workspace = await user.open()
    text = (workspace.root / "dos.txt").read_bytes()
    workspace.write("dos.txt", text.replace(b"two", b"2"))
    assert (await workspace.apply())["dos.txt"].settlement == "applied"
    assert user.read("dos.txt") == "one\r\n2\r\nthree\r\n"


async def test_line_endings_that_were_to_be_changed_are(user: User) -> None:
    workspace = await user.open()
    workspace.write("app.py", TEN.replace("\n", "\r\n"))
    await workspace.apply()
    assert user.read("app.py") == TEN.replace("\n", "\r\n")


async def test_where_git_writes_files_otherwise_the_users_way_stays(user: User) -> None:
    user.has(".gitattributes", "*.py text eol=crlf\n")
    user.git("add", "-A")
    workspace = await user.open()
    text = (workspace.root / "app.py").read_bytes()
    workspace.write("app.py", text.replace(b"line 1", b"LINE 1"))
    await workspace.apply()
    assert user.read("app.py") == TEN.replace("line 1", "LINE 1")


async def test_files_that_a_filter_keeps_otherwise_arrive_as_they_were_written(user: User) -> None:
    user.git("config", "filter.up.clean", "tr a-z A-Z")
    user.git("config", "filter.up.smudge", "tr A-Z a-z")
    user.has(".gitattributes", "*.up filter=up\n")
    user.has("text.up", "1\n2\n3\n4\nfive\n")
    user.commit()
    workspace = await user.open()
    assert (workspace.root / "text.up").read_text() == "1\n2\n3\n4\nfive\n"
    workspace.write("text.up", "one\n2\n3\n4\nfive\n")
    user.has("text.up", "1\n2\n3\n4\nfive\nsix\n")
    assert (await workspace.apply())["text.up"].settlement == "merged"
    assert user.read("text.up") == "one\n2\n3\n4\nfive\nsix\n"


async def test_applying_twice_is_harmless(user: User) -> None:
    workspace = await user.open()
    workspace.write("app.py", "new\n")
    (workspace.root / "gone.py").unlink()
    await workspace.apply()
    before = everything_in(user.folder)
    settled = await workspace.apply()
    assert {one.settlement for one in settled.values()} == {"applied"}
    assert everything_in(user.folder) == before


async def test_what_is_written_between_looking_and_replacing_is_not_lost(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor saves in the very moment: the merge is made again, with what was saved."""
    workspace = await user.open()
    workspace.write("app.py", TEN.replace("line 1\n", "Butler's\n"))
    looked = user_files.UserFiles.look
    edits = iter([TEN.replace("line 8\n", "mine\n")])

    def look(files: user_files.UserFiles, path: bytes) -> user_files.Found | None:
        found = looked(files, path)
        if text := next(edits, ""):
            user.has("app.py", text)
        return found

    monkeypatch.setattr(user_files.UserFiles, "look", look)
    assert (await workspace.apply())["app.py"].settlement == "merged"
    assert "mine\n" in user.read("app.py")
    assert "Butler's\n" in user.read("app.py")


async def test_a_file_that_never_stands_still_is_left_alone(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = await user.open()
    workspace.write("new.py", "Butler's\n")
    looked = user_files.UserFiles.look

    def look(files: user_files.UserFiles, path: bytes) -> user_files.Found | None:
        (user.folder / "new.py").unlink(missing_ok=True)
        found = looked(files, path)
        user.has("new.py", "mine\n")
        return found

    monkeypatch.setattr(user_files.UserFiles, "look", look)
    settled = await workspace.apply()
    assert settled["new.py"].settlement == "conflict"
    assert "writing to it" in settled["new.py"].detail
    assert user.read("new.py") == "mine\n"


async def test_a_folder_that_cannot_be_written_is_a_conflict(user: User) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    workspace = await user.open()
    workspace.write("pkg/deep/only.py", "new\n")
    (user.folder / "pkg/deep").chmod(0o500)
    settled = await workspace.apply()
    (user.folder / "pkg/deep").chmod(0o700)
    assert settled["pkg/deep/only.py"].settlement == "conflict"


async def test_discarding_takes_it_back_in_the_workspace(user: User) -> None:
    workspace = await user.open()
    workspace.write("app.py", "new\n")
    workspace.write("new/file.py", "new\n")
    (workspace.root / "gone.py").unlink()
    workspace.write("stays.py", "new\n")
    settled = await workspace.it.discard(["app.py", "new/file.py", "gone.py"])
    assert {one.settlement for one in settled} == {"discarded"}
    assert list(await workspace.changes()) == ["stays.py"]
    assert user.read("app.py") == TEN


async def test_two_at_once_are_as_one(user: User) -> None:
    workspace = await user.open()
    for number in range(5):
        workspace.write(f"new{number}.py", "x\n")
    first, second = await asyncio.gather(workspace.apply(), workspace.changes())
    assert {one.settlement for one in first.values()} == {"applied"}
    assert len(second) == 5


async def test_the_users_folder_is_gone(user: User) -> None:
    workspace = await user.open()
    workspace.write("app.py", "x\n")
    user.folder.rename(user.folder.with_name("moved"))
    with pytest.raises(WorkspaceProblem, match="nothing was applied"):
        await workspace.apply()
    assert not user.folder.exists()


# --- hostile agents ----------------------------------------------------------------------------


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "only.py").write_text("not theirs\n")
    return folder


async def test_a_folder_replaced_by_a_link_leads_nowhere(user: User, outside: Path) -> None:
    workspace = await user.open()
    (workspace.root / "pkg/deep/only.py").unlink()
    (workspace.root / "pkg/deep").rmdir()
    (workspace.root / "pkg/deep").symlink_to(outside)
    (workspace.root / "pkg/deep/only.py").write_text("through the link\n")
    (outside / "only.py").write_text("not theirs\n")

    changes = await workspace.changes()
    assert {path: c.change for path, c in changes.items()} == {
        "pkg/deep": "new",
        "pkg/deep/only.py": "delete",
    }
    settled = await workspace.apply()

    assert settled["pkg/deep"].settlement == "conflict"
    assert "out of your folder" in settled["pkg/deep"].detail
    assert everything_in(outside) == {"only.py": "100644 b'not theirs\\n'"}
    assert not (user.folder / "pkg/deep").is_symlink()


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../etc/passwd", "out/only.py"])
async def test_links_that_leave_are_not_made(user: User, outside: Path, target: str) -> None:
    (user.folder / "out").symlink_to(outside)
    workspace = await user.open()
    (workspace.root / "app.py").unlink()
    (workspace.root / "app.py").symlink_to(target)
    settled = await workspace.apply()
    assert settled["app.py"].settlement == "conflict"
    assert user.read("app.py") == TEN


async def test_a_link_in_the_users_folder_is_not_written_through(user: User, outside: Path) -> None:
    workspace = await user.open()
    workspace.write("app.py", "Butler's\n")
    workspace.write("pkg/deep/only.py", "Butler's\n")
    workspace.write("pkg/deep/new.py", "Butler's\n")
    (workspace.root / "gone.py").unlink()
    (user.folder / "app.py").unlink()
    (user.folder / "app.py").symlink_to(outside / "only.py")
    (user.folder / "pkg/deep/only.py").unlink()
    (user.folder / "pkg/deep").rmdir()
    (user.folder / "pkg/deep").symlink_to(outside)
    settled = await workspace.apply("app.py", "pkg/deep/only.py", "pkg/deep/new.py")
    assert {one.settlement for one in settled.values()} == {"conflict"}
    assert "a link in your folder" in settled["pkg/deep/new.py"].detail
    assert everything_in(outside) == {"only.py": "100644 b'not theirs\\n'"}


async def test_discarding_behind_a_link_of_the_agents_writes_nothing(
    user: User, outside: Path
) -> None:
    workspace = await user.open()
    (workspace.root / "pkg/deep/only.py").unlink()
    (workspace.root / "pkg/deep").rmdir()
    (workspace.root / "pkg/deep").symlink_to(outside)
    await workspace.it.discard(["pkg/deep/only.py"])
    assert everything_in(outside) == {"only.py": "100644 b'not theirs\\n'"}
    await workspace.it.close()
    assert everything_in(outside) == {"only.py": "100644 b'not theirs\\n'"}


async def test_a_workspace_that_became_a_link_is_not_followed(user: User, outside: Path) -> None:
    workspace = await user.open()
    workspace.root.rename(workspace.root.with_name("elsewhere"))
    workspace.root.symlink_to(outside)
    with pytest.raises(WorkspaceProblem, match="is no folder any more"):
        await workspace.changes()
    await workspace.it.close()
    assert (outside / "only.py").exists()


async def test_a_pipe_in_a_files_place_is_a_file_that_is_gone(user: User) -> None:
    workspace = await user.open()
    (workspace.root / "app.py").unlink()
    os.mkfifo(workspace.root / "app.py")
    (workspace.root / "gone.py").unlink()
    workspace.write("gone.py/inside", "x\n")
    os.mkfifo(workspace.root / "pipe")
    changes = await workspace.changes()
    assert {path: c.change for path, c in changes.items()} == {
        "app.py": "delete",
        "gone.py": "delete",
        "gone.py/inside": "new",
    }


async def test_a_change_of_git_itself_is_none(user: User) -> None:
    workspace = await user.open()
    workspace.write("sub/.git/config", "[core]\n\tfsmonitor = touch /tmp/owned\n")
    workspace.write("sub/.git/HEAD", "ref: refs/heads/main\n")
    workspace.write("sub/file", "x\n")
    workspace.write(".GIT/config", "x\n")
    workspace.write("git~1/config", "x\n")
    workspace.write("-f", "no option\n")
    workspace.write(":(top)*", "no pathspec\n")
    before = everything_in(user.folder / ".git")
    settled = await workspace.apply()
    assert set(settled) == {"sub/file", "-f", ":(top)*"}
    assert {one.settlement for one in settled.values()} == {"applied"}
    assert not (user.folder / "sub/.git").exists()
    assert {n: v for n, v in everything_in(user.folder / ".git").items() if "objects" not in n} == {
        n: v for n, v in before.items() if "objects" not in n
    }
