from __future__ import annotations

import logging

import pytest
from pydantic import SecretStr

from notifier.smtp import refresh_token
from notifier.smtp.refresh_token import RefreshToken


@pytest.fixture
def file(tmp_path):
    """A file with a token."""
    path = tmp_path / "refresh"
    path.touch(mode=0o600)
    path.write_text("one\n")
    return path


def test_the_environment_wins(file):
    """As with every secret."""
    assert RefreshToken.of(SecretStr("two"), file).value == "two"
    assert RefreshToken.of(SecretStr(""), file).value == "one"
    assert RefreshToken.of(None, None) is None


def test_a_new_one_takes_its_place_in_the_file(file):
    """Also behind a link, and nothing is left beside it."""
    link = file.with_name("link")
    link.symlink_to(file)
    RefreshToken.of(None, link).replace("two")
    assert file.read_text() == "two\n"
    assert link.is_symlink()
    assert {path.name for path in file.parent.iterdir()} == {"refresh", "link"}


def test_one_from_the_environment_is_kept_in_memory(file):
    """There is no place for it."""
    token = RefreshToken.of(SecretStr("two"), file)
    token.replace("three")
    assert token.value == "three"
    assert file.read_text() == "one\n"


def test_a_file_that_cannot_be_written_is_told_once(file, monkeypatch, caplog):
    """The old token is good for a while; the new one is used, and is in no log."""

    def fail(*_args, **_options):
        raise OSError(30, "Read-only file system")

    token = RefreshToken.of(None, file)
    monkeypatch.setattr(refresh_token.tempfile, "mkstemp", fail)
    with caplog.at_level(logging.WARNING):
        token.replace("canary-2")
        token.replace("canary-3")
    assert token.value == "canary-3"
    assert len(caplog.records) == 1
    assert "Read-only" in caplog.text
    assert "canary" not in caplog.text + repr(token)


def test_a_disk_that_is_full_leaves_the_old_one(file, monkeypatch):
    """All of it or nothing."""

    def fail(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(refresh_token.os, "fsync", fail)
    RefreshToken.of(None, file).replace("two")
    assert file.read_text() == "one\n"
    assert {path.name for path in file.parent.iterdir()} == {"refresh"}
