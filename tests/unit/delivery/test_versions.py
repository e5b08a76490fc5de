from __future__ import annotations

import hashlib

from notifier.delivery.versions import Versions, compare_versions
from notifier.ledger.documents import Document


class Archive:
    """What runs were made from, in memory: {run: {(role, name): text}}."""

    def __init__(self, runs):
        self._runs = runs

    def of_run(self, run_id, *roles):
        return [
            Document(role, name, hashlib.sha256(text.encode()).hexdigest(), text.encode())
            for (role, name), text in self._runs[run_id].items()
            if role in roles
        ]

    def digests(self, run_id, role):
        return {it.name: it.digest for it in self.of_run(run_id, role)}


BASE = {
    ("campaign", "campaigns/marks.yaml"): "title: Marks\nrelay: main\n",
    ("template", "templates/marks/subject.txt"): "Mark of {{ name }}",
    ("file", "data/a.pdf"): "a",
    ("file", "data/b.pdf"): "b",
}


def test_the_same_files_are_the_same():
    """Nothing is told."""
    found = compare_versions(Archive({1: BASE, 2: dict(BASE)}), 1, 2)
    assert found == Versions()
    assert found.is_same


def test_lines_and_files_that_differ_are_told():
    """As a unified diff, by run and file; attachments by name."""
    later = {
        ("campaign", "campaigns/marks.yaml"): "title: Marks of May\nrelay: main\n",
        ("template", "templates/marks/subject.txt"): "Mark of {{ name }}",
        ("template", "templates/marks/body.md"): "Hello",
        ("file", "data/b.pdf"): "another",
        ("file", "data/c.pdf"): "c",
    }
    found = compare_versions(Archive({1: BASE, 2: later}), 1, 2)
    assert found.campaign == (
        "--- 1/campaigns/marks.yaml",
        "+++ 2/campaigns/marks.yaml",
        "@@ -1,2 +1,2 @@",
        "-title: Marks",
        "+title: Marks of May",
        " relay: main",
    )
    assert "+Hello" in found.template
    assert (found.added, found.replaced, found.gone) == (
        ("data/c.pdf",),
        ("data/b.pdf",),
        ("data/a.pdf",),
    )
    assert not found.is_same
