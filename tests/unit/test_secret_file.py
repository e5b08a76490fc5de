from __future__ import annotations

import os

import pytest

from notifier import secret_file
from notifier.errors import SettingsError

CANARY = "canary-7f3a"


@pytest.fixture
def path(tmp_path):
    """A file that only its owner may read."""
    path = tmp_path / "password"
    path.touch(mode=0o600)
    return path


@pytest.mark.parametrize("raw", [b"p w", b"p w\n", b"p w\r\n", b"\xef\xbb\xbfp w\n"])
def test_the_line_is_the_password(path, raw):
    """The line break that editors leave, and Notepad's mark, are no part of it."""
    path.write_bytes(raw)
    assert secret_file.read_secret(path) == "p w"


@pytest.mark.parametrize("raw", [b"", b"\n", b"a\nb", b"\xff\xfe", b"a\x00b", b"x" * 5000])
def test_what_is_no_password_is_refused_without_repeating_it(path, raw):
    """Empty, several lines, binary, a whole disk: refused, with what to do."""
    path.write_bytes(CANARY.encode() + raw if raw.strip() else raw)
    with pytest.raises(SettingsError, match="one line") as caught:
        secret_file.read_secret(path)
    assert CANARY not in str(caught.value.as_dict())
    assert caught.value.__cause__ is None
    assert caught.value.where == str(path)


def test_a_missing_file_is_told(path):
    """The path and the reason."""
    with pytest.raises(SettingsError, match="can't be read"):
        secret_file.read_secret(path.with_name("nowhere"))


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_a_file_that_others_can_read_is_warned_about_once(path, caplog):
    """The mail goes on; the log says chmod 600, once."""
    path.write_text(CANARY)
    path.chmod(0o644)
    assert secret_file.read_secret(path) == secret_file.read_secret(path) == CANARY
    assert caplog.text.count("chmod 600") == 1
    assert CANARY not in caplog.text
