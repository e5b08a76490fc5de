"""Enrolment from a real sheet into a real ledger."""

from __future__ import annotations

from datetime import date

import pytest

from notifier.campaign import load_campaign
from notifier.delivery import enrol as enrol_module
from notifier.delivery.enrol import enrol, preflight
from notifier.delivery.occurrence import choose_occurrence
from notifier.errors import GuardError, UsageError
from notifier.ledger.ledger import Ledger
from notifier.model import RunState, State
from notifier.recipients.roster import open_roster
from notifier.settings import LimitSettings

CAMPAIGN = """\
title: Kết quả học tập
from: "Trường <office@school.example>"
recipients: {file: marks.csv}
template: grades
expect: {recipients: 20..30}
"""
TODAY = date(2027, 1, 15)


class Office:
    """A workspace with one campaign and its sheet."""

    def __init__(self, root) -> None:
        self.root = root
        (root / "campaigns").mkdir()
        (root / "campaigns" / "grades.yaml").write_text(CAMPAIGN, encoding="utf-8")
        self.campaign = load_campaign(root, "grades")
        self.write(25)

    def write(self, count: int, mark: float = 8.5) -> None:
        rows = [f"{n}@pupils.example,Em {n},{mark}" for n in range(count)]
        text = "\n".join(["Email,Họ và tên,Toán", *rows, "not an address,Em Z,9"])
        (self.root / "marks.csv").write_text(text + "\n", encoding="utf-8")

    def roster(self):
        return open_roster(self.campaign.recipients, root=self.root, limits=LimitSettings())

    def enrol(self, ledger: Ledger, occurrence: str = "2027-01-15"):
        return enrol(
            ledger,
            self.campaign,
            self.roster(),
            occurrence=occurrence,
            relay="main",
            template_digest="t",
        )


@pytest.fixture
def office(tmp_path):
    """A workspace with 25 good rows and one that can't be mailed."""
    return Office(tmp_path)


@pytest.fixture
def ledger(tmp_path):
    """An empty ledger, closed at the end."""
    with Ledger.open(tmp_path / "ledger.sqlite", clock=lambda: 1_800_000_000.0) as opened:
        yield opened


def _finder(ledger: Ledger):
    def find(reference: str):
        try:
            return ledger.find_run(reference)
        except UsageError:
            return None

    return find


def test_every_row_is_a_delivery_or_a_rejection(office, ledger):
    """26 rows are 25 deliveries and one rejection, all due at once when the last is in."""
    run = office.enrol(ledger)
    assert run.state is RunState.ACTIVE
    assert ledger.counts(run.id) == {State.PENDING: 25}
    worker = ledger.register_worker()
    claimed = ledger.claim(run.id, worker, 100)
    assert {it.address for it in claimed} == {f"{n}@pupils.example" for n in range(25)}


def test_enrolling_twice_is_enrolling_once(office, ledger):
    """The same occurrence again gives the same run, and nobody a second message."""
    first, second = office.enrol(ledger), office.enrol(ledger)
    assert (second.id, ledger.counts(second.id)) == (first.id, {State.PENDING: 25})


def test_a_killed_enrolment_sends_nothing_and_goes_on(office, ledger, monkeypatch):
    """Nothing is due of a half enrolled run; the same command completes it."""
    monkeypatch.setattr(enrol_module, "BATCH", 10)
    with monkeypatch.context() as patch:
        real, calls = ledger.enrol, []

        def dies(*args):
            calls.append(args)
            if len(calls) == 2:
                raise KeyboardInterrupt
            real(*args)

        patch.setattr(ledger, "enrol", dies)
        with pytest.raises(KeyboardInterrupt):
            office.enrol(ledger)
    run = ledger.find_run("grades")
    assert run.state is RunState.ENROLLING
    assert ledger.claim(run.id, ledger.register_worker(), 100) == []
    assert office.enrol(ledger).id == run.id
    assert ledger.counts(run.id) == {State.PENDING: 25}


def test_an_unexpected_count_leaves_no_trace(office, ledger):
    """31 recipients where 20 to 30 are expected: no run was begun."""
    office.write(31)
    with pytest.raises(GuardError, match="31 recipients"):
        office.enrol(ledger)
    with pytest.raises(UsageError):
        ledger.find_run("grades")


def test_a_sheet_saved_while_it_is_read_stops_the_run(office, ledger, monkeypatch):
    """One mark changed between counting and writing: cancelled, and nothing is ever due."""
    survey = preflight(office.campaign, office.roster())
    office.write(25, mark=9.5)
    with pytest.raises(GuardError, match="changed while"):
        enrol(
            ledger,
            office.campaign,
            office.roster(),
            occurrence="x",
            relay="main",
            template_digest="t",
            survey=survey,
        )
    run = ledger.find_run("grades")
    assert run.state is RunState.CANCELLED
    assert ledger.claim(run.id, ledger.register_worker(), 100) == []


def test_sending_again_goes_on_or_asks(office, ledger):
    """The unfinished run is the one that is meant, while its sheet is the same."""
    digest = preflight(office.campaign, office.roster()).digest
    find = _finder(ledger)

    def choose(digest: str, today: date = TODAY, *, again: bool = False):
        return choose_occurrence(
            "grades", today=today, source_digest=digest, find=find, again=again
        )

    assert choose(digest).run is None
    run = office.enrol(ledger, choose(digest).occurrence)
    later = choose(digest, date(2027, 1, 16))
    assert (later.occurrence, later.run, later.resumes) == ("2027-01-15", run, True)
    office.write(25, mark=9.5)
    changed = preflight(office.campaign, office.roster()).digest
    with pytest.raises(GuardError, match="unfinished"):
        choose(changed)
    assert choose(changed, again=True).occurrence == "2027-01-15-2"
    ledger.cancel(run.id)
    assert choose(changed).is_over
    assert choose(changed, date(2027, 1, 16)).occurrence == "2027-01-16"
