"""The ledger's rows as files for other programs, readable by their owner alone."""

from __future__ import annotations

import csv
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from notifier.cli.console import raw_output
from notifier.ledger.export import export
from notifier.report.cells import neutralised_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def write_lines(ledger: Path, run_id: int | None, output: Path | None) -> None:
    """One JSON object a line, each with its `table`; to standard output without a file."""
    with _private(output) if output else raw_output() as stream:
        for table in export(ledger, run_id):
            for row in table.rows:
                line = {"table": table.name, **dict(zip(table.columns, row, strict=True))}
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")


def write_csv(ledger: Path, run_id: int | None, folder: Path) -> None:
    """A file each table, with a header; no cell can be taken for a formula."""
    folder.mkdir(parents=True, exist_ok=True)
    for table in export(ledger, run_id):
        with _private(folder / f"{table.name}.csv", encoding="utf-8-sig") as stream:
            writer = csv.writer(stream)
            writer.writerow(table.columns)
            writer.writerows(neutralised_row(row) for row in table.rows)


@contextmanager
def _private(path: Path, encoding: str = "utf-8") -> Iterator[TextIO]:
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with open(handle, "w", encoding=encoding, newline="") as stream:  # noqa: PTH123 - a handle
        yield stream
