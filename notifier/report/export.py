"""The report as json, csv and xlsx: every recipient and every rejected row, written row by row.

Texts that a spreadsheet program would take for formulas are neutralised in csv and xlsx alike;
numbers stay numbers. The csv begins with a byte order mark, by which Excel knows UTF-8, and has
the same English column names in every language, for programs; the workbook is for people and
speaks theirs.
"""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, TextIO

from notifier.report.advice import advise
from notifier.report.cells import neutralised_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from notifier.ledger.reports import CauseGroup, DeliveryRow, Reader
    from notifier.model import Rejection

#: The csv's columns and the keys of each recipient in the json.
COLUMNS = (
    "line",
    "key",
    "name",
    "address",
    "state",
    "attempts",
    "cause",
    "code",
    "enhanced",
    "text",
    "at",
    "relay",
)
#: What the csv has besides, for rows that could not be used; their state is `rejected`.
REJECTED_COLUMNS = ("column", "value", "reason")
REJECTED = "rejected"


def write_csv(reader: Reader, run_id: int, stream: TextIO, *, zone: ZoneInfo) -> None:
    """Write deliveries, then rejected rows, as RFC 4180 csv with a byte order mark.

    The stream must be UTF-8 and opened with `newline=""`. Instants are ISO 8601 in the zone.
    """
    stream.write("\ufeff")
    table = csv.writer(stream, lineterminator="\r\n")
    table.writerow([*COLUMNS, *REJECTED_COLUMNS])
    for row in reader.deliveries(run_id):
        table.writerow([*neutralised_row(_recipient(row, zone).values()), "", "", ""])
    for rejection in reader.rejections(run_id):
        table.writerow(neutralised_row(_rejected_cells(rejection)))


def write_json(reader: Reader, run_id: int, stream: TextIO, *, zone: ZoneInfo) -> None:
    """Write one JSON object: the summary's keys, then causes, rejected_rows and recipients.

    Instants of recipients are ISO 8601 in the zone. Rows are written as they are read.
    """
    head = json.dumps(reader.summary(run_id).as_dict(), ensure_ascii=False, default=str, indent=2)
    stream.write(head.removesuffix("\n}"))
    causes = (_cause(it) for it in reader.causes(run_id))
    _write_list(stream, "causes", causes)
    _write_list(stream, "rejected_rows", (_rejected(it) for it in reader.rejections(run_id)))
    _write_list(stream, "recipients", (_recipient(it, zone) for it in reader.deliveries(run_id)))
    stream.write("\n}\n")


def _write_list(stream: TextIO, name: str, items: Iterable[dict[str, Any]]) -> None:
    stream.write(f",\n  {json.dumps(name)}: [")
    separator = "\n    "
    for item in items:
        stream.write(separator + json.dumps(item, ensure_ascii=False))
        separator = ",\n    "
    stream.write("\n  ]" if separator.startswith(",") else "]")


def _recipient(row: DeliveryRow, zone: ZoneInfo) -> dict[str, Any]:
    values = (
        row.line,
        row.key,
        row.name,
        row.address,
        row.state.value,
        row.attempts,
        row.cause.value if row.cause else None,
        row.code,
        row.enhanced,
        row.text,
        _stamp(row.at, zone),
        row.relay,
    )
    return dict(zip(COLUMNS, values, strict=True))


def _stamp(at: datetime | None, zone: ZoneInfo) -> str | None:
    return at.astimezone(zone).isoformat(timespec="seconds") if at else None


def _rejected(rejection: Rejection) -> dict[str, Any]:
    return {
        "line": rejection.line,
        "column": rejection.column,
        "value": rejection.value,
        "reason": rejection.reason,
    }


def _rejected_cells(rejection: Rejection) -> Iterator[object]:
    cells = dict.fromkeys(COLUMNS, "") | {"line": rejection.line, "state": REJECTED}
    yield from cells.values()
    yield from (rejection.column, rejection.value, rejection.reason)


def _cause(group: CauseGroup) -> dict[str, Any]:
    advice = advise(group.cause, group.state)
    return {
        "cause": group.cause.value,
        "state": group.state.value,
        "count": group.count,
        "label": advice.label,
        "advice": advice.action,
        "sample_reply": group.sample_reply,
        "domains": list(group.domains),
    }
