from __future__ import annotations

import hashlib
from types import SimpleNamespace

import pytest

from notifier.delivery.approval import Enrolled, Today, find_changes, spell_changes
from notifier.delivery.enrol import Surveyed
from notifier.errors import SheetError
from notifier.model import Recipient


def _sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Roster:
    """A sheet of these addresses."""

    def __init__(self, *addresses):
        self._addresses = addresses
        self.tally = SimpleNamespace(rows=0, folded=0, extra_addresses=0, blank=0, totals=0)

    def __iter__(self):
        for number, address in enumerate(self._addresses, 2):
            yield Recipient(number, f"K{number}", address, "", {})


def _survey(roster, keeps=None):
    reading = Surveyed(roster, keeps)
    for _item in reading:
        pass
    return reading.survey().digest


@pytest.fixture
def make(tmp_path):
    """A run as it was enrolled, and the workspace as it is now; both can be changed."""
    (tmp_path / "own.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "linked.txt").write_text("shared", encoding="utf-8")

    def _make(*, campaign="c", template="t", subject="Marks", sheet=("a@x.example",), chosen=None):
        keeps = None if chosen is None else lambda it: (it.key, it.address) in chosen
        run = SimpleNamespace(
            campaign_digest="c",
            template_digest="t",
            source_digest=_survey(Roster("a@x.example"), keeps),
        )
        enrolled = Enrolled(
            run,
            templates={"templates/marks/subject.txt": _sha256("Marks")},
            files={"own.txt": _sha256("mine"), "as_named.txt": _sha256("shared")},
            links={"as_named.txt": "linked.txt"},
            chosen=chosen,
        )
        today = Today(
            tmp_path,
            SimpleNamespace(
                digest=campaign,
                path=tmp_path / "marks.yaml",
                recipients=SimpleNamespace(file="data/marks.csv"),
            ),
            SimpleNamespace(digest=template, sources={"marks/subject.txt": subject}),
            lambda: Roster(*sheet),
        )
        return enrolled, today

    return _make


def test_nothing_changed_is_nothing_to_tell(make):
    """An approval holds; a file is found where a link led to."""
    assert find_changes(*make()) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"campaign": "d"}, ["the campaign (campaigns/marks.yaml)"]),
        ({"template": "u"}, ["what all messages have in common"]),
        ({"template": "u", "subject": "S"}, ["the template (templates/marks/subject.txt)"]),
        ({"sheet": ("b@x.example",)}, ["the sheet (data/marks.csv)"]),
        ({"sheet": ()}, ["the sheet (data/marks.csv)"]),
    ],
)
def test_each_change_is_named(make, changes, told):
    """By what it is and where."""
    found = find_changes(*make(**changes))
    assert len(found) == len(told)
    assert all(one.startswith(start) for one, start in zip(found, told, strict=True))


@pytest.mark.parametrize("change", ["other", None])
def test_a_file_that_is_another_one_or_gone_is_named(make, tmp_path, change):
    """By the name that the campaign has for it."""
    enrolled, today = make()
    if change is None:
        (tmp_path / "linked.txt").unlink()
    else:
        (tmp_path / "linked.txt").write_text(change, encoding="utf-8")
    assert find_changes(enrolled, today) == ["a file (as_named.txt)"]


def test_a_sheet_that_can_not_be_read_is_another_one(make):
    """It is not what was asked about, whatever is wrong with it."""
    enrolled, today = make()

    def broken():
        raise SheetError("It is gone.")

    changed = Today(today.root, today.campaign, today.compiled, broken)
    assert find_changes(enrolled, changed) == ["the sheet (data/marks.csv)"]


def test_a_run_for_a_few_is_held_against_their_rows_alone(make):
    """Others may come and go in the sheet."""
    chosen = frozenset({("K2", "a@x.example")})
    assert find_changes(*make(chosen=chosen, sheet=("a@x.example", "new@x.example"))) == []
    assert find_changes(*make(chosen=chosen, sheet=("b@x.example",)))


def test_many_changes_are_counted():
    """The first five are named."""
    assert spell_changes(["a"]) == "a"
    assert spell_changes(list("abcdefg")) == "a, b, c, d, e and 2 more"
