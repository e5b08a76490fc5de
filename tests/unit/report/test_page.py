from __future__ import annotations

import base64
import hashlib
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from notifier import locale
from notifier.model import Cause, Rejection, State
from notifier.report import page as page_module
from notifier.report.page import html, write_page

EVIL = "<script>alert(1)</script>\"'&{{ 7*7 }}`<b>`"
VOID = {"meta", "br", "img", "link", "input", "hr"}


class _Tags(HTMLParser):
    """What a browser would build: open tags must be closed in order."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def _tags(page):
    parser = _Tags()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser.seen


@pytest.fixture
def page(ledger, zone, now):
    """The report of the fixture's run."""
    return html(ledger, 12, zone=zone, now=now, sender="Trường THPT Nguyễn Du")


def test_the_page_is_one_file_without_script_and_asks_for_nothing(page):
    """It can be mailed, archived and opened anywhere, and tells nobody."""
    tags = _tags(page)
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & {t for t, _ in tags}
    for _tag, attributes in tags:
        assert not {"src", "href", "style"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
    assert "url(" not in re.sub(r"url\(#p-[a-z_]+\)", "", page)
    assert "@import" not in page


def test_the_page_is_made_for_phones_and_for_paper(page):
    """It is as wide as the screen, folds on a narrow one, and prints on A4 without dark colours."""
    assert (
        "meta",
        {"name": "viewport", "content": "width=device-width, initial-scale=1"},
    ) in _tags(page)
    assert re.search(r"@media \(max-width: \d+px\)", page)
    assert re.search(r"@page \{ size: A4;", page)
    assert "@media print" in page


def test_only_the_pages_own_style_sheet_is_admitted(page):
    """The content policy names it by digest, and nothing else."""
    css = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_nothing_from_sheet_or_reply_becomes_markup(make_ledger, make_delivery, zone, now):
    """See listmonk, CVE-2026-21483: a reply or a name is text, wherever it stands."""
    row = make_delivery(1, 2, EVIL, EVIL, EVIL, State.REFUSED, 1, Cause.OTHER, 550, EVIL, EVIL)
    rejected = Rejection(3, EVIL, EVIL, EVIL)
    ledger = make_ledger([row], [rejected], title=EVIL, campaign=EVIL, reason=EVIL, relay=EVIL)
    page = html(ledger, 12, zone=zone, now=now, sender=EVIL)
    assert "script" not in {tag for tag, _ in _tags(page)}
    assert "<b>`" not in page
    assert "{{ 7*7 }}" in page


def test_the_page_tells_the_story_in_order(page):
    """The verdict, what to do, the rows that could not be used, the sums, everybody."""
    places = [
        page.index(part)
        for part in (
            "38 of 42 messages were delivered to the relay",
            "What went wrong, and what to do",
            "Ask the person for the right address, correct",
            "nghia@@hopthu.example",
            "Both sums are equal: no row was lost.",
            "Course of the run",
            "ph38@hopthu.example",
        )
    ]
    assert places == sorted(places)


def test_the_sums_stand_in_the_page(page):
    """43 rows and one further address: 42 messages and two rejected rows."""
    text = re.sub(r"<[^>]+>", " ", page)
    assert re.search(
        r"Rows of the sheet\s+43\s+Further addresses in a cell\s+1\s+Together\s+44", text
    )


def test_every_recipient_stands_in_the_list(page):
    """With state, tries, last reply, and the time in the workspace's zone."""
    assert page.count('<td class="who">') == 42
    assert "07:00:00" in page
    assert "552 5.2.2 Mailbox full" in page


def test_the_language_is_the_workspaces(ledger, zone, now):
    """The page says which language it is in, for screen readers and browsers."""
    locale.use("vi")
    assert '<html lang="vi">' in html(ledger, 12, zone=zone, now=now)


def test_a_long_list_shows_those_that_need_attention_and_says_what_is_left_out(
    make_ledger, make_delivery, zone, now
):
    """A browser could not open a hundred thousand lines; csv and xlsx have them all."""
    fine = [make_delivery(i, i, str(i), "", f"a{i}@x.example", State.ACCEPTED) for i in range(50)]
    bad = make_delivery(
        51, 51, "51", "", "b@x.example", State.REFUSED, 1, Cause.OTHER, 550, "", "No"
    )
    stream = io.StringIO()
    ledger = make_ledger([*fine, bad])
    write_page(ledger, 12, stream, zone=zone, now=now, longest_list=10)
    page = stream.getvalue()
    assert page.count('<td class="who">') == 10
    assert page.index("b@x.example</td>") < page.index("a0@x.example</td>")
    assert "Shown are 10 of 51" in page
    assert "<code>notifier report 12 --format xlsx</code>" in page


def test_a_cause_names_some_people_and_counts_the_rest(make_ledger, make_delivery, zone, now):
    """The group stays readable; the list below has everybody."""
    rows = [
        make_delivery(
            i, i, str(i), "", f"a{i}@x.example", State.REFUSED, 1, Cause.BLOCKED, 550, "5.7.1", "No"
        )
        for i in range(40)
    ]
    assert "and 15 more" in html(make_ledger(rows), 12, zone=zone, now=now)


def test_memory_does_not_grow_with_the_run(make_ledger, make_delivery, zone, now):
    """The page is written piece by piece, no piece longer than a few lines."""

    class Stream(io.StringIO):
        longest = 0

        def write(self, text):
            self.longest = max(self.longest, len(text))
            return len(text)

        def writelines(self, lines):
            for line in lines:
                self.write(line)

    rows = [make_delivery(i, i, str(i), "", f"a{i}@x.example", State.ACCEPTED) for i in range(2000)]
    stream = Stream()
    write_page(make_ledger(rows), 12, stream, zone=zone, now=now)
    assert stream.longest < 20_000


def test_a_run_that_is_paused_says_why(make_ledger, zone, now):
    """The reason stands below the verdict."""
    page = html(make_ledger([], reason="The relay refused the password."), 12, zone=zone, now=now)
    assert '<p class="reason">The relay refused the password.</p>' in page


def test_no_cell_of_a_table_can_widen_the_page():
    """Columns have widths of their own and long words break: at 900 px nothing stood out."""
    css = (Path(page_module.__file__).parent / "page.css").read_text("utf-8")
    assert ".cards { table-layout: fixed; }" in css
    assert ".cards td { overflow-wrap: anywhere; }" in css
    assert "@media screen and (max-width: 1000px)" in css  # cards on screens, tables on paper
