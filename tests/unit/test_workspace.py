from __future__ import annotations

import subprocess
import sys

import pytest

from notifier.workspace import find_actor, find_root, peek_locale


@pytest.fixture
def root(tmp_path):
    """A workspace that speaks English."""
    (tmp_path / "notifier.toml").write_text('[workspace]\nlocale = "en"\n', encoding="utf-8")
    (tmp_path / "campaigns" / "deep").mkdir(parents=True)
    return tmp_path


def test_root_is_found_upwards(root):
    """From any folder of the workspace its root is found."""
    assert find_root(root / "campaigns" / "deep") == root
    assert find_root(root) == root


def test_no_root_is_none(tmp_path, monkeypatch):
    """Outside of any workspace there is none; a folder of that name is no workspace."""
    (tmp_path / "notifier.toml").mkdir()
    assert find_root(tmp_path) is None


def test_nearest_root_wins(root):
    """A workspace inside a workspace is its own."""
    inner = root / "campaigns"
    (inner / "notifier.toml").touch()
    assert find_root(inner / "deep") == inner


@pytest.mark.parametrize(
    ("argv", "environ", "expected"),
    [
        ([], {}, "en"),
        ([], {"NOTIFIER_LOCALE": "vi"}, "vi"),
        ([], {"NOTIFIER_LOCALE": "vi_VN.UTF-8"}, "vi"),
        ([], {"NOTIFIER_LOCALE": "fr"}, "en"),
        ([], {"LANG": "vi_VN.UTF-8"}, "en"),
        (["runs", "--workspace", "other"], {}, "vi"),
        (["runs", "--workspace=other"], {}, "vi"),
        (["runs", "--", "--workspace=other"], {}, "en"),
        ([], {"NOTIFIER_WORKSPACE": "other"}, "vi"),
        (["--workspace"], {}, "en"),
    ],
)
def test_locale_is_the_workspaces_unless_told(root, argv, environ, expected):
    """NOTIFIER_LOCALE, else the locale of the workspace that the command will use."""
    (root / "other").mkdir()
    (root / "other" / "notifier.toml").touch()
    assert peek_locale(argv, cwd=root, environ=environ) == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "en"),
        ({"LANG": "vi_VN.UTF-8"}, "vi"),
        ({"LC_ALL": "C.UTF-8", "LANG": "vi_VN.UTF-8"}, "en"),
        ({"LANG": "de_DE"}, "en"),
    ],
)
def test_outside_of_a_workspace_the_system_decides(tmp_path, environ, expected):
    """No workspace: the system's language, where it is one of ours."""
    assert peek_locale([], cwd=tmp_path, environ=environ) == expected


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00", b"[workspace\n", b"workspace = 3\n", b"[workspace]\nlocale = 7\n", b"x" * 9],
)
def test_peek_never_raises(tmp_path, content):
    """A damaged file is told later, by settings: the language is needed for that."""
    (tmp_path / "notifier.toml").write_bytes(content)
    assert peek_locale([], cwd=tmp_path, environ={}) in {"vi", "en"}


def test_peek_of_a_missing_workspace(tmp_path):
    """`--workspace` that names nothing is told later."""
    assert peek_locale(["--workspace", "nowhere"], cwd=tmp_path, environ={}) == "en"


def test_peek_loads_nothing_heavy():
    """`notifier --help` can ask for the language without paying for pydantic."""
    code = (
        "import sys; from notifier.workspace import peek_locale; peek_locale([]);"
        "sys.exit(any(m in sys.modules for m in ('pydantic', 'yaml', 'babel', 'zoneinfo')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_whoever_is_at_work_is_named(monkeypatch):
    """By the account and the host, unless NOTIFIER_ACTOR says who; one line in any case."""
    monkeypatch.setattr("notifier.workspace.getpass.getuser", lambda: "lan")
    monkeypatch.setattr("notifier.workspace.socket.gethostname", lambda: "office")
    assert find_actor({}) == "lan@office"
    assert find_actor({"NOTIFIER_ACTOR": " Lan\n(office)\x1b "}) == "Lan(office)"
    assert find_actor({"NOTIFIER_ACTOR": " \n"}) == "lan@office"


def test_an_account_without_a_name_is_its_number(monkeypatch):
    """As in a container that runs as somebody whom no file knows."""

    def unknown():
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr("notifier.workspace.getpass.getuser", unknown)
    monkeypatch.setattr("notifier.workspace.socket.gethostname", lambda: "box")
    monkeypatch.setattr("notifier.workspace.os.getuid", lambda: 1234, raising=False)
    assert find_actor({}) == "uid1234@box"
