"""What a run was made from is kept with it, each content once."""

from __future__ import annotations

import pytest

from notifier.ledger.documents import Archive, Document, document

TEMPLATE = "Kính gửi {{ name }}\n".encode()


def test_what_was_kept_comes_back_to_the_byte(desk, ledger_path):
    """Role, name, digest and content; compressed in between."""
    run_id = desk.run(1)
    desk.ledger.documents.keep(run_id, [document("template", "templates/a/body.txt", TEMPLATE)])
    with Archive.open(ledger_path) as archive:
        (found,) = archive.of_run(run_id, "template")
        assert (found.name, found.content) == ("templates/a/body.txt", TEMPLATE)
        assert archive.find(run_id, "template", found.name) == found
        assert archive.find(run_id, "file", found.name) is None
        assert archive.of_run(run_id, "campaign") == []


def test_the_same_content_is_there_once_for_all_runs(desk):
    """Ten runs of one template cost one copy."""
    for day in range(3):
        run_id = desk.run(1, occurrence=f"day {day}")
        desk.ledger.documents.keep(run_id, [document("template", "a", b"x" * 1000)])
        desk.ledger.documents.keep(run_id, [document("file", "b", b"x" * 1000)])
    ((count, size),) = desk.every("SELECT count(*), sum(length(content)) FROM document")
    assert count == 1
    assert size < 100


def test_a_large_file_has_its_digest_alone(desk, ledger_path):
    """So that it can be told whether it changed."""
    run_id = desk.run(1)
    desk.ledger.documents.keep(run_id, [Document("file", "data/film.mp4", "ab" * 32, None)])
    with Archive.open(ledger_path) as archive:
        assert archive.find(run_id, "file", "data/film.mp4") == Document(
            "file", "data/film.mp4", "ab" * 32, None
        )


def test_keeping_again_changes_nothing(desk, ledger_path):
    """An enrolment that begins again finds what it had kept: the first word stands."""
    run_id = desk.run(1)
    assert not desk.ledger.documents.has_any(run_id)
    desk.ledger.documents.keep(run_id, [document("template", "a", b"first")])
    desk.ledger.documents.keep(run_id, [document("template", "a", b"second")])
    assert desk.ledger.documents.has_any(run_id)
    with Archive.open(ledger_path) as archive:
        assert [it.content for it in archive.of_run(run_id, "template")] == [b"first"]


def test_what_fails_halfway_leaves_nothing(desk):
    """One transaction: a file that can't be read undoes the rest."""
    run_id = desk.run(1)

    def documents():
        yield document("template", "a", b"a")
        raise OSError("unreadable")

    with pytest.raises(OSError, match="unreadable"):
        desk.ledger.documents.keep(run_id, documents())
    assert not desk.ledger.documents.has_any(run_id)
