import os
from pathlib import Path

import pytest

from idgen.grants.state_directory import state_directory
from idgen.grants.store import StoreRefused


def test_systemd_s_directory_comes_first(tmp_path: Path) -> None:
    environment = {"STATE_DIRECTORY": f"{tmp_path}/a:{tmp_path}/b", "XDG_STATE_HOME": "/x"}
    assert state_directory(environment, tmp_path / "system") == tmp_path / "a"


def test_the_system_s_directory_is_made_where_it_can_be(tmp_path: Path) -> None:
    assert state_directory({}, tmp_path / "system") == tmp_path / "system"
    assert (tmp_path / "system").is_dir()


def test_where_it_can_t_be_made_the_home_has_it(tmp_path: Path) -> None:
    nowhere = tmp_path / "missing" / "system"
    assert state_directory({"XDG_STATE_HOME": "/x"}, nowhere) == Path("/x/flake")
    assert state_directory({}, nowhere) == Path.home() / ".local" / "state" / "flake"


def test_one_that_is_there_but_not_writable_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(StoreRefused, match=f"{tmp_path} exists but is not writable"):
        state_directory({}, tmp_path)


def test_one_that_is_there_but_no_directory_of_this_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "astray").symlink_to(tmp_path / "nowhere")
    for name in ("file", "astray"):
        with pytest.raises(StoreRefused, match=f"{name} exists but is not writable"):
            state_directory({}, tmp_path / name)
