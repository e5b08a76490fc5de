"""A run as the ledger tells it, held in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from notifier import locale
from notifier.ledger.summaries import Bucket, CauseGroup, DeliveryRow, RunSummary
from notifier.model import Cause, Rejection, RunState, State
from notifier.report.words import reply_line

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
START = datetime(2027, 1, 15, 0, 0, 0, tzinfo=UTC)


def Delivery(  # noqa: N802, PLR0917 - reads as what it makes, and rows are long
    id_,
    line,
    key,
    name,
    address,
    state,
    attempts=1,
    cause=Cause.ACCEPTED,
    code=250,
    enhanced="2.0.0",
    text="OK queued",
    at=START,
    relay="main",
):
    """A row as the ledger lists it."""
    return DeliveryRow(
        id_,
        12,
        line,
        key,
        name,
        address,
        state,
        attempts,
        cause,
        code,
        enhanced,
        text,
        at,
        None,
        relay,
    )


SUMMARY = {
    "id": 12,
    "campaign": "grades",
    "occurrence": "2027-01-15",
    "title": "Kết quả học tập học kỳ I",
    "relay": "sandbox",
    "state": RunState.FINISHED,
    "reason": "",
    "blank": 0,
    "totals": 1,
    "started_at": START,
    "finished_at": START + timedelta(seconds=5),
    "seconds": 5.0,
    "messages_per_second": 8.4,
}


class Ledger:
    """Answers what `ledger.reports.Reader` answers."""

    def __init__(self, rows, rejected=(), *, folded=0, extra=0, **summary):
        self.rows = rows
        self.rejected = list(rejected)
        counts = {}
        for row in rows:
            counts[row.state] = counts.get(row.state, 0) + 1
        told = {
            "rows": len(rows) + len(self.rejected) + folded - extra,
            "deliveries": len(rows),
            "rejections": len(self.rejected),
            "folded": folded,
            "extra_addresses": extra,
            "counts": counts,
        }
        self.told = RunSummary(**(SUMMARY | told | summary))

    def summary(self, run_id):
        assert run_id == self.told.id
        return self.told

    def deliveries(self, run_id, states=None, limit=None):
        found = [row for row in self.rows if states is None or row.state in states]
        return iter(found[:limit])

    def rejections(self, run_id):
        return iter(self.rejected)

    def causes(self, run_id):
        groups = {}
        for row in self.rows:
            if row.cause not in {None, Cause.ACCEPTED}:
                groups.setdefault((row.cause, row.state), []).append(row)
        return [
            CauseGroup(cause, state, len(rows), reply_line(rows[0]), ("hopthu.example",))
            for (cause, state), rows in groups.items()
        ]

    def query(self, sql, *values):
        """No figures across runs: the page goes without them."""
        return iter(())

    def timeline(self, run_id, buckets=60):
        return [
            Bucket(
                START + timedelta(seconds=i), accepted=i % 7, deferred=i % 3, refused=int(i == 2)
            )
            for i in range(8)
        ]


def some_rows():
    """38 accepted, two refused, one in doubt, one put off."""
    rows = [
        Delivery(
            i, 7 + i, f"00261{i:02d}", f"Phụ huynh {i}", f"ph{i}@hopthu.example", State.ACCEPTED
        )
        for i in range(1, 39)
    ]
    rows += [
        Delivery(
            39,
            46,
            "0026139",
            "Bùi Quang Vinh",
            "cu@hopthu.example",
            State.REFUSED,
            1,
            Cause.NO_SUCH_MAILBOX,
            550,
            "5.1.1",
            "No such user here",
        ),
        Delivery(
            40,
            47,
            "0026140",
            "Trương Minh Nhật",
            "day@daythu.example",
            State.REFUSED,
            1,
            Cause.MAILBOX_FULL,
            552,
            "5.2.2",
            "Mailbox full",
        ),
        Delivery(
            41,
            48,
            "0026141",
            "",
            "mat@hopthu.example",
            State.UNKNOWN,
            1,
            Cause.LINK_LOST,
            None,
            "",
            "The connection was lost",
        ),
        Delivery(
            42,
            49,
            "0026142",
            "Kiều Diệu Linh",
            "linh@thudientu.example",
            State.DEFERRED,
            2,
            Cause.GREYLISTED,
            451,
            "4.7.1",
            "Greylisted, try again later",
        ),
    ]
    return rows


REJECTED = (
    Rejection(24, "Email phụ huynh", "nghia@@hopthu.example", "Không phải là một địa chỉ thư."),
    Rejection(35, "Email phụ huynh", "", "Không có địa chỉ thư."),
)


@pytest.fixture
def ledger():
    """The run of `some_rows`, with two rejected rows."""
    return Ledger(some_rows(), REJECTED, extra=1)


@pytest.fixture
def zone():
    """The workspace's zone."""
    return HANOI


@pytest.fixture
def now():
    """When the report is written."""
    return datetime(2027, 1, 15, 1, 0, tzinfo=UTC)


@pytest.fixture
def make_ledger():
    """To make a run of other rows."""
    return Ledger


@pytest.fixture
def make_delivery():
    """To make a row."""
    return Delivery


@pytest.fixture(autouse=True)
def _english():
    """Tests read English and leave the language as it was."""
    before = locale.current()
    locale.use("en")
    yield
    locale.use(before)
