"""What reaches the screen: lines, tables, JSON and errors, on a terminal or in a pipe.

A terminal gets colours and its own width; a pipe or file gets plain lines as wide as they need to
be, so that nothing is cut. Data from sheets, mails and relays loses its control characters before
it is shown: nobody's cell moves the cursor.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console, RenderableType
    from rich.table import Table

    from notifier.errors import NotifierError

#: Columns of a pipe or file: wide enough that no table is cut or wrapped.
UNBOUNDED = 10_000

_CONTROLS = {code: "\ufffd" for code in (*range(32), *range(0x7F, 0xA0)) if code not in (9, 10)}
#: Marks that turn text around: harmless in prose, a disguise in an address or a file name.
_CONTROLS |= dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd")


def prepare_streams() -> None:
    """Let a console that can't show a letter show `?` for it instead of ending the program."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us, such as cron
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - stays open
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - stays open
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]


def plain(value: object) -> str:
    """The value as text that can only be read: control characters are replaced."""
    return ("" if value is None else str(value)).replace("\r\n", "\n").translate(_CONTROLS)


def console(*, stderr: bool = False) -> Console:
    """A Rich console on the standard stream of this moment; markup in data stays text."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else UNBOUNDED
    return Console(
        file=stream, width=width, markup=False, emoji=False, highlight=False, soft_wrap=False
    )


def say(*lines: str, style: str = "", stderr: bool = False) -> None:
    """Print lines, control characters replaced; without Rich where there is no terminal."""
    stream = sys.stderr if stderr else sys.stdout
    text = "\n".join(plain(line) for line in lines)
    if style and stream.isatty():
        console(stderr=stderr).print(text, style=style)
    else:
        print(text, file=stream)


def suggest(*steps: str) -> None:
    """Print the commands that somebody will probably type next, each once."""
    for step in dict.fromkeys(steps):
        say(_("  next: {step}").format(step=step))


def heading(text: str) -> None:
    """Print a line that starts something, with an empty one before it."""
    say("")
    say(text, style="bold")


def facts(pairs: Iterable[tuple[str, object]], *, indent: int = 2) -> None:
    """Print `name  value` lines, the values aligned; pairs without a value are left out."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, ""):
            grid.add_row(Text(" " * indent + plain(name)), Text(plain(value)))
    if grid.row_count:
        print_rich(grid)


def table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[int] = ()
) -> None:
    """Print a table; `right` are the columns aligned to the right. No cell is cut."""
    print_rich(_build_table(headers, rows, frozenset(right)))


def print_rich(*renderables: RenderableType, width: int | None = None) -> None:
    """Print what Rich lays out; in a pipe without the spaces that fill its lines."""
    screen = console()
    if width is not None:
        screen.width = width
    if screen.is_terminal:
        screen.print(*renderables, sep="\n")
        return
    with screen.capture() as captured:
        screen.print(*renderables, sep="\n")
    for line in captured.get().splitlines():
        print(line.rstrip())  # noqa: T201 - this is the one place that prints


def _build_table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], right: frozenset[int]
) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    built = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for index, header in enumerate(headers):
        justify: Any = "right" if index in right else "left"
        built.add_column(Text(header), justify=justify, overflow="fold")
    for row in rows:
        built.add_row(*(Text(plain(cell)) for cell in row))
    return built


@contextlib.contextmanager
def raw_output() -> Iterator[TextIO]:
    """Standard output as UTF-8 without any translation of line ends: for files in a pipe."""
    sys.stdout.flush()
    stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    try:
        yield stream
        stream.flush()
    finally:
        stream.detach()


def print_json(data: object) -> None:
    """Print one JSON document; as ASCII where the stream could not carry every letter."""
    text = json.dumps(data, ensure_ascii=_is_narrow(sys.stdout), indent=2, default=str)
    print(text)  # noqa: T201 - this is the one place that prints


def _is_narrow(stream: TextIO) -> bool:
    """Whether the stream can't carry every letter."""
    return not (stream.encoding or "ascii").lower().replace("-", "").startswith("utf")


def tell_written(path: str, *, as_json: bool) -> None:
    """Tell where something was written."""
    if as_json:
        print_json({"written": path})
    else:
        say(_("Wrote {path}.").format(path=path))


def print_error(error: NotifierError, *, as_json: bool) -> None:
    """Tell an error on standard error: a sentence, its place and the next step, or one object."""
    if as_json:
        text = json.dumps(error.as_dict(), ensure_ascii=_is_narrow(sys.stderr))
        print(text, file=sys.stderr)  # noqa: T201 - this is the one place that prints
        return
    say(_("Error: {message}").format(message=error.message), style="bold red", stderr=True)
    if error.where:
        say(_("  where: {place}").format(place=error.where), stderr=True)
    if error.next_step:
        say(_("  next: {step}").format(step=error.next_step), stderr=True)
