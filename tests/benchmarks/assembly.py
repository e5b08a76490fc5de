"""What one message costs to make, beside the standard library making the same one."""

from __future__ import annotations

import gc
import tempfile
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from pathlib import Path

import workspace

from notifier.campaign import load_campaign
from notifier.model import Recipient
from notifier.render.templates import compile_campaign
from notifier.settings import LimitSettings

#: The budget of the project: microseconds for a multipart of 3 kB.
BUDGET = 120
COUNT = 500
ROUNDS = 15
AT = 1_800_000_000.0
COLUMNS = ("Mã HS", "Họ và tên", "Lớp", "Email phụ huynh", *workspace.SUBJECTS)


def recipients(count):
    """Recipients as the roster makes them from the sheet."""
    for number in range(count):
        row = workspace.row(number)
        yield Recipient(number + 2, row[0], row[3], row[1], dict(zip(COLUMNS, row, strict=True)))


def compiled(root):
    """The campaign of the workspace."""
    return compile_campaign(
        load_campaign(root, "marks"),
        root=root,
        locale="vi",
        timezone="Asia/Ho_Chi_Minh",
        limits=LimitSettings(),
    )


def best(make, people, count=ROUNDS):
    """Microseconds of processor time a message, the best of so many rounds."""
    gc.collect()
    rounds = []
    for _round in range(count):
        began = time.process_time()
        for number, person in enumerate(people):
            make(person, f"t{number}")
        rounds.append((time.process_time() - began) / len(people) * 1e6)
    return min(rounds)


def standard_library(campaign):
    """The same message by `EmailMessage`, the same templates filled in."""

    def make(person, token):
        subject, text, html = campaign._texts(campaign._context(person))
        message = EmailMessage(policy=SMTP)
        message["Date"] = format_datetime(datetime.fromtimestamp(AT, UTC))
        message["From"] = formataddr(("Trường THPT Nguyễn Du", "daotao@nguyendu.example"))
        message["To"] = formataddr((person.name, person.address))
        message["Subject"] = " ".join(subject.split())
        message["Message-ID"] = f"<{token}@nguyendu.example>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        message.add_alternative(html, subtype="html")
        return message.as_bytes()

    return make


def measure():
    """Rows of (what, figure, ratio)."""
    people = list(recipients(COUNT))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        workspace.make(root, port=1, recipients=1)
        began = time.perf_counter()
        campaign = compiled(root)
        compiling = time.perf_counter() - began
        size = len(campaign.assemble(people[0], token="t", at=AT).data)
        ours = best(lambda person, token: campaign.assemble(person, token=token, at=AT), people)
        filling = best(lambda person, _token: campaign._texts(campaign._context(person)), people)
        theirs = best(standard_library(campaign), people[:100])
        (root / "templates/marks/body.txt").unlink()
        made = compiled(root)
        derived = best(lambda person, token: made.assemble(person, token=token, at=AT), people)
    return [
        (
            f"subject, HTML and text, {size} bytes",
            f"{ours:.0f} us",
            f"{ours / BUDGET:.2f} of budget",
        ),
        ("  of which filling in the templates", f"{filling:.0f} us", ""),
        ("the text made from the HTML", f"{derived:.0f} us", f"{derived / BUDGET:.2f} of budget"),
        ("EmailMessage with the same templates", f"{theirs:.0f} us", f"{theirs / ours:.1f} x ours"),
        ("compiling the campaign, once", f"{compiling * 1000:.0f} ms", ""),
    ]


if __name__ == "__main__":
    for row in measure():
        print(*row, sep=" | ")
