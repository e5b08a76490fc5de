"""The process that reads a workbook: python-calamine under limits of memory and CPU time.

A few hundred bytes of a hostile (or merely odd) workbook can claim billions of cells; the reader
then allocates until the machine kills something, and a failed allocation in it aborts the
process, which no `except` catches. So it has a process of its own. It costs about 40 ms to start
and speaks marshal frames (data only, unlike pickle) on standard output:

    ("sheets", [(name, is_visible)], chosen, width, height, merged ranges, columns left of it)
    ("rows", [[value, ...], ...], places)  again and again; `places` of dates, which are tuples
    ("end",)                              or ("fail", kind, detail) instead of any of these

Values are made here (`cells`), beside the process that uses them: it has the other core.
Row 1 of the sheet is the first row sent; columns begin at the first column in use.
"""

from __future__ import annotations

import io
import json
import marshal
import struct
import sys
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from notifier.locale import use
from notifier.recipients.cells import from_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from python_calamine import CalamineSheet, CalamineWorkbook

_CELLS_IN_FRAME = 20_000
_SUFFIXES = {
    "xlsx": (".xlsx", ".xlsm", ".xlam"),
    "xlsb": (".xlsb",),
    "xls": (".xls", ".xla"),
    "ods": (".ods",),
}
_PLAIN = frozenset({str, float, bool, int, type(None)})


class _Failure(Exception):  # noqa: N818 - travels as a frame, never as an error
    def __init__(self, kind: str, detail: object = "") -> None:
        super().__init__(kind)
        self.frame = ("fail", kind, detail)


def send(frame: tuple[Any, ...]) -> None:
    """Write one frame: its length in four bytes, then marshal."""
    data = marshal.dumps(frame)
    sys.stdout.buffer.write(struct.pack("!I", len(data)))
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def limit_resources(memory: int, seconds: int) -> None:
    """Cap this process: address space in bytes, CPU time in seconds, no core dump."""
    try:
        import resource  # noqa: PLC0415 - POSIX only
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))


#: How marshal carries what it has no type for; `workbook.Reader` makes values of it again.
_PORTABLE: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    datetime: lambda it: (*it.timetuple()[:6], it.microsecond),
    date: lambda it: (it.year, it.month, it.day),
    time: lambda it: (it.hour, it.minute, it.second, it.microsecond),
}


def portable(row: list[Any]) -> list[Any]:
    """A row of values that marshal can carry."""
    return [_PORTABLE[type(it)](it) if type(it) in _PORTABLE else it for it in row]


def _choose(book: CalamineWorkbook, wanted: str | int | None) -> tuple[CalamineSheet, list[Any]]:
    from python_calamine import SheetTypeEnum, SheetVisibleEnum  # noqa: PLC0415 - under limits

    listed = [
        (sheet.name, sheet.visible == SheetVisibleEnum.Visible)
        for sheet in book.sheets_metadata
        if sheet.typ == SheetTypeEnum.WorkSheet
    ]
    visible = [name for name, is_visible in listed if is_visible]
    if isinstance(wanted, str):
        return book.get_sheet_by_name(_named(wanted, [name for name, _ in listed])), listed
    if wanted is not None:
        if not 1 <= wanted <= len(visible):
            raise _Failure("sheet", listed)
        return book.get_sheet_by_name(visible[wanted - 1]), listed
    return _first_filled(book, visible or [name for name, _ in listed]), listed


def _named(wanted: str, names: list[str]) -> str:
    from notifier.recipients.plain_text import plain  # noqa: PLC0415 - only where names differ

    if wanted in names:
        return wanted
    alike = [name for name in names if plain(name) == plain(wanted)]
    if len(alike) != 1:
        raise _Failure("sheet", [(name, True) for name in names])
    return alike[0]


def _first_filled(book: CalamineWorkbook, names: list[str]) -> CalamineSheet:
    if not names:
        raise _Failure("empty")
    first = None
    for name in names:
        sheet = book.get_sheet_by_name(name)
        if sheet.height:
            return sheet
        first = first or sheet
    assert first is not None
    return first


def _shown(request: dict[str, Any], sheet: CalamineSheet) -> Iterator[tuple[int, int, Any]]:
    if request["kind"] != "xlsx":
        return iter(())
    from notifier.recipients.number_formats import shown_cells  # noqa: PLC0415 - xlsx only

    return shown_cells(request["path"], sheet.name)


def _rows(sheet: CalamineSheet, shown: Iterator[tuple[int, int, Any]]) -> Iterator[list[Any]]:
    left = sheet.start[1] if sheet.start else 0
    coming = next(shown, None)
    for number, row in enumerate(sheet.iter_rows()):
        while coming is not None and coming[0] <= number:
            if coming[0] == number:
                _dress(row, coming[1] - left, coming[2])
            coming = next(shown, None)
        values = from_cells(row)
        yield values if _PLAIN.issuperset(map(type, values)) else portable(values)


def _dress(row: list[Any], at: int, how: Any) -> None:
    if not 0 <= at < len(row):
        return
    if isinstance(how, str):
        row[at] = ("e", how)
    elif isinstance(row[at], float):
        row[at] = how.show(row[at])


def _send_sheet(request: dict[str, Any], book: CalamineWorkbook) -> None:
    sheet, listed = _choose(book, request["sheet"])
    rows, width = sheet.total_height + 1 if sheet.height else 0, max(sheet.width, 1)
    if rows * width > request["max_cells"]:
        raise _Failure("cells", rows * width)
    left = sheet.start[1] if sheet.start else 0
    merged = [
        (top, max(first - left, 0), bottom, last - left)
        for (top, first), (bottom, last) in sheet.merged_cell_ranges or ()
        if last >= left
    ]
    send(("sheets", listed, sheet.name, width, rows, merged, left))
    batch: list[list[Any]] = []
    for row in _rows(sheet, _shown(request, sheet)):
        batch.append(row)
        if len(batch) * width >= _CELLS_IN_FRAME:
            _send_rows(batch)
            batch = []
    _send_rows(batch)
    send(("end",))


def _send_rows(rows: list[list[Any]]) -> None:
    columns = zip(*rows, strict=True)
    send(("rows", rows, [at for at, cells in enumerate(columns) if tuple in map(type, cells)]))


def _opened(path: str, kind: str) -> CalamineWorkbook:
    """By its path where its name is right (a password is told only then), else by content."""
    from python_calamine import CalamineWorkbook  # noqa: PLC0415 - under limits

    if path.lower().endswith(_SUFFIXES[kind]):
        return CalamineWorkbook.from_path(path)
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib is not needed otherwise
        return CalamineWorkbook.from_filelike(io.BytesIO(file.read()))


def read(request: dict[str, Any]) -> None:
    """Open the workbook, send the chosen sheet; a failure is sent too."""
    import python_calamine  # noqa: PLC0415 - under limits

    try:
        _send_sheet(request, _opened(request["path"], request["kind"]))
    except _Failure as failure:
        send(failure.frame)
    except python_calamine.PasswordError:
        send(("fail", "password", ""))
    except MemoryError:
        send(("fail", "memory", ""))
    except BrokenPipeError:
        return
    except BaseException as error:  # noqa: BLE001 - a panic in calamine is a BaseException
        send(("fail", "damaged", f"{error}"[:300]))


def main() -> None:
    """Entry of the process; the request is JSON in the first argument."""
    request = json.loads(sys.argv[1])
    use(request["locale"])
    limit_resources(request["memory"], request["seconds"])
    read(request)
