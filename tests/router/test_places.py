"""Where things lie, and who may read them."""

import stat
from pathlib import Path

import pytest

from router.places import Places, PlacesError, is_open, make_private, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_one_folder_holds_everything(tmp_path: Path) -> None:
    places = Places.find({"BUTLER_HOME": str(tmp_path)})
    every = (places.config_file, places.keys_file, places.data, places.state, places.models)
    assert all(path.is_relative_to(tmp_path) for path in every)
    assert places.portable


def test_without_it_the_platform_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    places = Places.find({"BUTLER_HOME": "  "})
    assert not places.portable
    assert places.config_file.name == "config.toml"
    assert len({places.config, places.data, places.state}) >= 2


def test_a_named_configuration_moves_only_itself(tmp_path: Path) -> None:
    named = tmp_path / "other.toml"
    places = Places.find({"BUTLER_HOME": str(tmp_path / "home"), "BUTLER_CONFIG": str(named)})
    assert places.config_file == named
    assert places.keys_file.parent == tmp_path / "home"


def test_places_are_absolute_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Places.find({"BUTLER_HOME": "here"}).config_file == tmp_path / "here" / "config.toml"


def test_what_is_made_is_private_and_what_exists_is_left_alone(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o755)
    make_private(theirs / "ours")
    assert mode(theirs / "ours") == 0o700
    make_private(theirs)
    assert mode(theirs) == 0o755
    assert is_open(theirs)
    assert not is_open(theirs / "ours")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    _ = (tmp_path / "file").write_text("")
    with pytest.raises(PlacesError, match=r"file/inside can't be made .*BUTLER_HOME"):
        make_private(tmp_path / "file" / "inside")


def test_a_private_file_is_replaced_whole_and_its_link_kept(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    _ = real.write_text("old")
    link = tmp_path / "config.toml"
    link.symlink_to(real)
    write_private(link, "new: ü\n")
    assert link.is_symlink()
    assert real.read_text("utf-8") == "new: ü\n"
    assert mode(real) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml", "dotfiles.toml"]
