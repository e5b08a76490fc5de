"""Sheets made on the spot, and what they become."""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pytest

from notifier.campaign import JoinSpec, RecipientsSpec
from notifier.locale import use
from notifier.model import Recipient, Rejection
from notifier.recipients.roster import open_roster
from notifier.settings import LimitSettings


@pytest.fixture(autouse=True)
def _english():
    """Sentences are compared in English."""
    use("en")
    yield
    use("en")


class Read:
    """What a sheet became."""

    def __init__(self, roster):
        self.roster = roster
        self.items = list(roster)
        self.recipients = [it for it in self.items if isinstance(it, Recipient)]
        self.rejections = [it for it in self.items if isinstance(it, Rejection)]
        self.tally, self.reading, self.notes = roster.tally, roster.reading, roster.notes
        assert self.tally.adds_up(), self.tally
        assert self.tally.recipients == len(self.recipients)
        assert self.tally.rejections == len(self.rejections)

    @property
    def addresses(self):
        return [it.address for it in self.recipients]

    @property
    def reasons(self):
        return [it.reason for it in self.rejections]

    @property
    def messages(self):
        return [it.message for it in self.notes]


@pytest.fixture
def write(tmp_path):
    """Write text (or bytes, or rows as an xlsx) to a file of the workspace."""

    def put(name, content, *, encoding="utf-8", **options):
        path = tmp_path / name
        if isinstance(content, str):
            path.write_bytes(content.encode(encoding))
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_bytes(xlsx(content, **options))
        return path

    return put


def xlsx(rows, *, title="Sheet1", merge=(), formats=None):
    """A workbook of one sheet as bytes; `formats`: cell name -> number format."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    for name, code in (formats or {}).items():
        sheet[name].number_format = code
    for cells in merge:
        sheet.merge_cells(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.fixture
def read(tmp_path):
    """Open a file of the workspace as a campaign would, and read all of it."""

    def open_and_read(file, *, evaluate=None, limits=None, **options):
        if isinstance(options.get("join"), dict):
            options["join"] = JoinSpec(**options["join"])
        spec = RecipientsSpec(file=Path(file).name, **options)
        limits = limits or LimitSettings()
        return Read(open_roster(spec, root=tmp_path, limits=limits, evaluate=evaluate))

    return open_and_read
