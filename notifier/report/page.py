"""The HTML report: one file, no script, nothing fetched, everything escaped.

It reads on a phone (tables become cards) and prints on A4 (headers repeat on every sheet of
paper). A strict content policy in the page itself admits only its own style sheet, by digest, so
that text from a sheet or a reply stays text even where escaping were forgotten.

The page is written piece by piece: memory does not grow with the run. A browser's would, so the
list of recipients stops at `LONGEST_LIST` lines, those that need attention first, and says so;
csv, json and xlsx have no such limit.
"""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from notifier import locale
from notifier.locale import _, ngettext
from notifier.model import State
from notifier.report import fills, timeline
from notifier.report.account import account_of
from notifier.report.bars import bar
from notifier.report.causes import group_causes
from notifier.report.drawing import drawn
from notifier.report.figures import clock, moment, number
from notifier.report.head import gone_note, head_of
from notifier.report.overview import run_tables
from notifier.report.words import mark, reply_line, state_word, tone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from jinja2 import Template

    from notifier.ledger.reports import DeliveryRow, Reader, RunSummary
    from notifier.model import Rejection
    from notifier.report.account import Account

#: Lines of a list on the page: about 3 MB of HTML, which a phone still opens.
LONGEST_LIST = 5_000
#: Domains on the page, the worst first; `report --by domain` has all of them.
MOST_ROWS = 12

_HERE = Path(__file__).parent
_NOT_ACCEPTED = tuple(state for state in State if state is not State.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Line:
    """One recipient, as the page shows it."""

    line: str
    name: str
    key: str
    address: str
    state: str
    tone: str
    mark: str
    attempts: str
    reply: str
    time: str
    #: Line and tries, for the phone's cards.
    more: str


def write_page(
    reader: Reader,
    run_id: int,
    stream: TextIO,
    *,
    zone: ZoneInfo,
    now: datetime,
    sender: str = "",
    longest_list: int = LONGEST_LIST,
) -> None:
    """Write the run's report as one HTML page, in the language in use.

    `zone` is where instants are shown, `now` (aware) stands in the footer, `sender` is the
    school or office that the campaign is from. The stream must be UTF-8. Raises LedgerError, and
    UsageError where there is no such run.
    """
    summary = reader.summary(run_id)
    pieces = template("page.html").generate(
        **looks(),
        head=head_of(summary, zone, sender),
        causes=group_causes(reader, run_id),
        rejections=_rejections(reader, summary, zone, longest_list),
        account=_account(account_of(summary)),
        chart=timeline.chart(reader.timeline(run_id), zone),
        patterns=fills.PATTERNS,
        states=_states(summary),
        tables=[drawn(it, zone, longest_list=MOST_ROWS) for it in run_tables(reader, summary)],
        recipients=_recipients(reader, summary, zone, longest_list),
        foot=_("Run {run}, written by notifier on {time}.").format(
            run=summary.id, time=moment(now, zone)
        ),
    )
    stream.writelines(pieces)


def html(reader: Reader, run_id: int, *, zone: ZoneInfo, now: datetime, sender: str = "") -> str:
    """The page as one text; for runs of a usual size."""
    stream = io.StringIO()
    write_page(reader, run_id, stream, zone=zone, now=now, sender=sender)
    return stream.getvalue()


@cache
def template(name: str) -> Template:
    """A page's template, compiled once."""
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=False,
    )
    environment.globals["_"] = _
    environment.filters["commands"] = _commands
    return environment.get_template(name)


def _commands(text: str) -> Markup:
    """The text with what stands between backticks set as code; all of it escaped."""
    parts = text.split("`")
    code = Markup("<code>{}</code>")
    return Markup().join(
        code.format(part) if at % 2 else Markup.escape(part) for at, part in enumerate(parts)
    )


@cache
def _style() -> tuple[Markup, str]:
    """The style sheet, and its digest for the content policy (CSP level 3, section 6.7)."""
    css = (_HERE / "page.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return Markup(css), f"sha256-{digest}"  # noqa: S704 - our own file, not data


def looks() -> dict[str, object]:
    """What every page needs: its language, its style sheet, and that one's digest."""
    css, digest = _style()
    return {"lang": locale.current(), "css": css, "css_digest": digest}


def _states(summary: RunSummary) -> dict[str, object]:
    """How the run ended, as one bar with its legend."""
    kinds = fills.by_kind(summary.counts)
    drawn_bar = bar(kinds, summary.deliveries, height=30, about=_("Recipients")) if kinds else ""
    return {"bar": drawn_bar, "legend": fills.legend(kinds, kinds)}


def _rejections(
    reader: Reader, summary: RunSummary, zone: ZoneInfo, longest: int
) -> dict[str, object]:
    shown = min(summary.rejections, longest)
    return {
        "count": number(summary.rejections) if summary.rejections else "",
        "lines": (_rejected(it) for it in islice(reader.rejections(summary.id), longest)),
        "step": _(
            "Nobody of these was mailed. `{command}` writes them out, the reason beside each. "
            "Correct them in your sheet, then send to those concerned alone: `{step}`."
        ).format(
            command=f"notifier recipients check {summary.campaign} -o rejected.xlsx",
            step=f"notifier send {summary.campaign} --only changed",
        ),
        "note": gone_note(summary, zone) or _left_out(shown, summary.rejections, summary.id),
    }


def _rejected(rejection: Rejection) -> dict[str, str]:
    return {
        "line": str(rejection.line),
        "column": rejection.column,
        "value": rejection.value,
        "reason": rejection.reason,
    }


def _account(account: Account) -> dict[str, object]:
    asked = [(_("Rows of the sheet"), number(account.rows))]
    if account.extra_addresses:
        asked.append((_("Further addresses in a cell"), number(account.extra_addresses)))
    became = [(_("Messages, one for each address"), number(account.deliveries))]
    became.append((_("Rows that could not be used"), number(account.rejections)))
    if account.folded:
        became.append((_("Rows that share another row's message"), number(account.folded)))
    if account.left_out:
        became.append((_("Recipients that this run was not meant for"), number(account.left_out)))
    return {
        "sides": [
            {
                "caption": _("What the sheet asked for"),
                "terms": asked,
                "total": number(account.left),
            },
            {"caption": _("What became of it"), "terms": became, "total": number(account.right)},
        ],
        "note": _account_note(account),
    }


def _account_note(account: Account) -> str:
    if not account.is_balanced:
        return _("The sheet is still being read; the sums will meet when its last row is in.")
    told = [_("Both sums are equal: no row was lost.")]
    if account.totals:
        told.append(
            ngettext(
                "{count} row with totals, signatures or remarks was left out.",
                "{count} rows with totals, signatures or remarks were left out.",
                account.totals,
            ).format(count=number(account.totals))
        )
    return " ".join(told)


def _recipients(
    reader: Reader, summary: RunSummary, zone: ZoneInfo, longest: int
) -> dict[str, object]:
    shown = min(summary.deliveries, longest)
    rows = _listed(reader, summary, longest)
    return {
        "count": number(summary.deliveries),
        "lines": (_line(row, zone, summary.started_at) for row in rows),
        "note": gone_note(summary, zone) or _left_out(shown, summary.deliveries, summary.id),
        "is_gone": summary.purged_at is not None,
    }


def _listed(reader: Reader, summary: RunSummary, longest: int) -> Iterator[DeliveryRow]:
    """All in the sheet's order where they fit; else those that need attention first."""
    if summary.deliveries <= longest:
        return iter(reader.deliveries(summary.id))
    first = reader.deliveries(summary.id, states=_NOT_ACCEPTED, limit=longest)
    then = reader.deliveries(summary.id, states=(State.ACCEPTED,), limit=longest)
    return islice(chain(first, then), longest)


def _left_out(shown: int, total: int, run_id: int) -> str:
    if shown == total:
        return ""
    return _(
        "Shown are {shown} of {total}, those that need attention first. All of them: `{command}`"
    ).format(
        shown=number(shown),
        total=number(total),
        command=f"notifier report {run_id} --format xlsx",
    )


def _line(row: DeliveryRow, zone: ZoneInfo, day: datetime | None) -> Line:
    return Line(
        line=str(row.line),
        name=row.name or (row.key if row.address else _("(forgotten)")),
        key=row.key if row.name and row.key != row.address else "",
        address=row.address,
        state=state_word(row.state),
        tone=tone(row.state),
        mark=mark(row.state),
        attempts=str(row.attempts),
        reply=reply_line(row),
        time=clock(row.at, zone, day),
        more=_(" · line {line} · tries: {attempts}").format(line=row.line, attempts=row.attempts),
    )
