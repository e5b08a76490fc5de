from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from notifier.campaign import Expect
from notifier.delivery import enrol as enrol_module
from notifier.delivery.enrol import enrol, preflight
from notifier.errors import GuardError
from notifier.model import Recipient, Rejection, RunState


@dataclass
class Roster:
    """Some recipients and rejections; `readings` are what each reading gives."""

    readings: list[list[Recipient | Rejection]]
    tally: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(
            rows=0, folded=2, extra_addresses=1, blank=3, totals=1
        )
    )

    def __iter__(self):
        items = self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]
        self.tally.rows = len(items) + 2 - 1
        yield from items


@dataclass
class Ledger:
    """What the ledger promises of enrolment, in memory."""

    run: SimpleNamespace | None = None
    recipients: dict[tuple[str, str], Recipient] = field(default_factory=dict)
    rejections: dict[int, Rejection] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    finished: dict[str, int] | None = None
    dies_after: int = 1000

    def start_run(self, new):
        if self.run is None:
            self.run = SimpleNamespace(id=7, state=RunState.ENROLLING, new=new)
            self.run.source_digest = new.source_digest
            self.run.occurrence = new.occurrence
        return self.run

    def get_run(self, run_id):
        assert run_id == 7
        return self.run

    def enrol(self, run_id, recipients, rejections):
        assert self.finished is None
        if len(self.batches) >= self.dies_after:
            raise KeyboardInterrupt
        self.batches.append(len(recipients) + len(rejections))
        for it in recipients:
            self.recipients.setdefault((it.key, it.address), it)
        for it in rejections:
            self.rejections.setdefault(it.line, it)

    def finish_enrolment(self, run_id, **figures):
        self.finished = figures
        self.run.state = RunState.ACTIVE

    def cancel(self, run_id):
        self.run.state = RunState.CANCELLED


def _recipients(count, begin=0, mark=8.5):
    return [
        Recipient(line=n + 2, key=f"k{n}", address=f"{n}@x.example", name="", row={"mark": mark})
        for n in range(begin, begin + count)
    ]


REJECTED = Rejection(line=99, column="Email", value="nobody", reason="not an address")


@pytest.fixture
def campaign(tmp_path):
    """A campaign without expectations; its YAML is on disk."""
    path = tmp_path / "grades.yaml"
    path.write_text("title: Điểm\n", encoding="utf-8")
    return SimpleNamespace(
        name="grades",
        title="Điểm",
        path=path,
        digest="d1",
        expect=None,
        kind="notice",
        approval="none",
        recipients=SimpleNamespace(file="data/marks.xlsx"),
    )


def _enrol(ledger, campaign, roster, **options):
    return enrol(
        ledger,
        campaign,
        roster,
        occurrence="2027-01-15",
        relay="main",
        template_digest="t1",
        **options,
    )


def test_every_row_is_enrolled_and_accounted_for(campaign):
    """Recipients and rejections are written, and the run becomes active with the figures."""
    ledger, roster = Ledger(), Roster([[*_recipients(3), REJECTED]])
    run = _enrol(ledger, campaign, roster)
    assert run.state is RunState.ACTIVE
    assert len(ledger.recipients) == 3
    assert list(ledger.rejections) == [99]
    assert ledger.finished == {
        "rows": 5,
        "folded": 2,
        "extra_addresses": 1,
        "left_out": 0,
        "blank": 3,
        "totals": 1,
        "asks": False,
    }
    new = run.new
    assert (new.campaign, new.occurrence, new.relay) == ("grades", "2027-01-15", "main")
    assert (new.campaign_digest, new.template_digest) == ("d1", "t1")
    assert new.campaign_yaml == "title: Điểm\n"


def test_rows_are_written_in_batches(campaign, monkeypatch):
    """A large sheet never stands in memory at once."""
    monkeypatch.setattr(enrol_module, "BATCH", 10)
    ledger = Ledger()
    _enrol(ledger, campaign, Roster([_recipients(25)]))
    assert ledger.batches == [10, 10, 5]


def test_again_changes_nothing(campaign):
    """A run past enrolment is returned as it is."""
    ledger, roster = Ledger(), Roster([_recipients(3)])
    _enrol(ledger, campaign, roster)
    before = list(ledger.batches)
    assert _enrol(ledger, campaign, roster).id == 7
    assert ledger.batches == before


def test_a_cut_off_enrolment_goes_on(campaign, monkeypatch):
    """Killed between two batches, the same command completes the run, nobody twice."""
    monkeypatch.setattr(enrol_module, "BATCH", 10)
    ledger, roster = Ledger(dies_after=1), Roster([_recipients(25)])
    with pytest.raises(KeyboardInterrupt):
        _enrol(ledger, campaign, roster)
    assert ledger.run.state is RunState.ENROLLING
    ledger.dies_after = 1000
    assert _enrol(ledger, campaign, roster).state is RunState.ACTIVE
    assert len(ledger.recipients) == 25


@pytest.mark.parametrize(
    ("expected", "words"),
    [((4, 60), "4 to 60"), ((1, 2), "1 to 2"), ((4, None), "4 or more"), ((4, 4), "expects 4;")],
)
def test_an_unexpected_count_stops_before_anything_is_written(campaign, expected, words):
    """Outside of `expect`: the figures are told, and the ledger was not touched."""
    campaign.expect = Expect.model_construct(recipients=expected)
    ledger = Ledger()
    with pytest.raises(GuardError) as caught:
        _enrol(ledger, campaign, Roster([_recipients(3)]))
    assert "3 recipients" in caught.value.message
    assert words in caught.value.message
    assert caught.value.where.endswith("grades.yaml")
    assert "recipients check grades" in caught.value.next_step
    assert ledger.run is None


def test_an_expected_count_goes_through(campaign):
    """Rejections and folded rows don't count: `expect` is about messages."""
    campaign.expect = Expect.model_construct(recipients=(3, 3))
    assert preflight(campaign, Roster([[*_recipients(3), REJECTED]])).recipients == 3


@pytest.mark.parametrize(("items", "words"), [([], "no recipients"), ([REJECTED], "none became")])
def test_nobody_to_send_to_stops_the_run(campaign, items, words):
    """An empty sheet, or one of rejections only, is not a run."""
    with pytest.raises(GuardError, match=words) as caught:
        _enrol(Ledger(), campaign, Roster([items]))
    assert caught.value.where == "data/marks.xlsx"
    assert caught.value.next_step


def test_a_sheet_that_changes_between_the_readings_stops_the_run(campaign):
    """One mark changed while reading: cancelled before its first message, and nothing is due."""
    ledger = Ledger()
    roster = Roster([_recipients(3), _recipients(3, mark=9.0)])
    with pytest.raises(GuardError, match="changed while"):
        _enrol(ledger, campaign, roster)
    assert ledger.run.state is RunState.CANCELLED
    assert ledger.finished is None


def test_the_way_out_asks_for_another_occurrence(campaign):
    """The run that was given up keeps its occurrence: the next step begins anew."""
    with pytest.raises(GuardError) as caught:
        _enrol(Ledger(), campaign, Roster([_recipients(3), _recipients(2)]))
    assert caught.value.next_step.endswith("notifier send grades --again")


def test_a_sheet_that_changed_since_a_cut_off_enrolment_adds_nothing(campaign, monkeypatch):
    """A half enrolled run is not completed from another sheet."""
    monkeypatch.setattr(enrol_module, "BATCH", 10)
    ledger = Ledger(dies_after=1)
    with pytest.raises(KeyboardInterrupt):
        _enrol(ledger, campaign, Roster([_recipients(25)]))
    ledger.dies_after = 1000
    with pytest.raises(GuardError, match="since run 7") as caught:
        _enrol(ledger, campaign, Roster([_recipients(25, begin=1)]))
    assert "cancel 7" in caught.value.next_step
    assert len(ledger.recipients) == 10


def test_counting_is_not_done_twice_when_it_was_done(campaign):
    """A survey made just before is used, and still checked against what is enrolled."""
    roster = Roster([_recipients(3)])
    survey = preflight(campaign, roster)
    roster.readings = [_recipients(3), _recipients(4)]
    assert _enrol(Ledger(), campaign, roster, survey=survey).state is RunState.ACTIVE
    with pytest.raises(GuardError):
        _enrol(Ledger(), campaign, roster, survey=survey)


def test_the_digest_is_of_the_content(campaign):
    """The same rows give the same digest; another address, mark or rejection gives another."""
    base = [*_recipients(3), REJECTED]
    digests = {
        preflight(campaign, Roster([items])).digest
        for items in (base, _recipients(3), _recipients(4), [*_recipients(3, mark=9), REJECTED])
    }
    assert len(digests) == 4
    assert preflight(campaign, Roster([list(base)])).digest in digests


def test_a_campaign_in_a_legacy_encoding_is_kept_as_text(campaign):
    """A byte order mark before the YAML is not kept."""
    Path(campaign.path).write_bytes(b"\xef\xbb\xbftitle: x\n")
    ledger = Ledger()
    _enrol(ledger, campaign, Roster([_recipients(1)]))
    assert ledger.run.new.campaign_yaml == "title: x\n"
