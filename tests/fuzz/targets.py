"""What is fuzzed: functions of bytes that raise only where a promise is broken.

Each takes whatever there is, does what the program would do with it, and lets the program's own
errors pass: they are its answer to bad input. `TARGETS` is all of them, by name.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import dialogue

from notifier.delivery.diagnostic import judge_text
from notifier.errors import CampaignError, MessageError, SettingsError, SheetError
from notifier.mailbox import parse_mailbox
from notifier.recipients.address import parse_addresses
from notifier.recipients.delimited import lay_out, read_rows
from notifier.recipients.encoding import detect_encoding
from notifier.render import headers
from notifier.smtp import commands
from notifier.smtp.replies import LARGEST_REPLY, LONGEST_LINE, MOST_LINES, ReplyParser
from notifier.toml_lines import line_of, parse_toml
from notifier.yaml_lines import parse_yaml

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FIELDS = ("From", "To", "Subject")
_PATTERN = headers.block_pattern(_FIELDS)


def _check_complaint(exc):
    """An error is a sentence, and says what to do."""
    assert exc.message
    assert exc.where
    assert exc.next_step


def replies(data):
    """However bytes are cut, the replies are the same, within limits, and safe to show."""
    size = data[0] % 32 + 1 if data else 1
    said = data[1:]
    whole, cut = ReplyParser(), ReplyParser()
    found = whole.feed(said)
    pieces = [it for at in range(0, len(said), size) for it in cut.feed(said[at : at + size])]
    assert pieces == found
    assert cut.fault == whole.fault
    for reply in found:
        assert 200 <= reply.code <= 599
        assert len(reply.text) <= LARGEST_REPLY
        assert reply.text.count("\n") < MOST_LINES
        assert not _CONTROLS.search(reply.text.replace("\n", ""))
    if not whole.fault:
        assert len(said.rpartition(b"\n")[2]) <= LONGEST_LINE + 1


def session(data):
    """Whatever a relay says: see `dialogue`."""
    dialogue.run(data)


def addresses(data):
    """What comes out of a cell can stand in an envelope and in a header."""
    for found in parse_addresses(data.decode("utf-8", "replace")):
        if isinstance(found, str):
            assert commands.rcpt_to(found) == b"RCPT TO:<" + found.encode() + b">\r\n"
            assert headers.check_address(found) == found


def mailbox(data):
    """`from:` of a campaign: a name and an address that can stand in a header."""
    try:
        found = parse_mailbox(data.decode("utf-8", "replace"))
    except ValueError:
        return
    block = f"From: {headers.encode_mailbox(found.name, found.address, 6)}\r\n"
    headers.check_block(headers.block_pattern(["From"]), block.encode())


def header_block(data):
    """What the scan lets through has these fields and no others, however it is read."""
    try:
        headers.check_block(_PATTERN, data)
    except MessageError:
        return
    lines = re.split(rb"\r\n|\r|\n", data)
    assert lines.pop() == b""
    names = [line.partition(b":")[0].decode() for line in lines if line[:1] not in {b" ", b"\t"}]
    assert names == list(_FIELDS)
    assert all(line.strip() for line in lines)


def header_values(data):
    """Whatever a cell holds, what is made of it passes the scan."""
    text = data.decode("utf-8", "surrogateescape")
    line = headers.single_line(text)
    block = (
        f"From: {headers.encode_mailbox(line, 'a@b.example', 6)}\r\n"
        f"To: {headers.encode_text(line, 4)}\r\n"
        f"Subject: x{headers.encode_parameter('filename', headers.safe_file_name(text))}\r\n"
    )
    headers.check_block(_PATTERN, block.encode("ascii"))


def yaml(data):
    """Plain data with places, or an error that has one."""
    text = data.decode("utf-8", "replace")
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text):
        return  # `read_text` refuses it
    try:
        document = parse_yaml(text, "x.yaml")
    except CampaignError as exc:
        _check_complaint(exc)
        return
    assert isinstance(document.data, dict)
    count = len(re.split(r"\r\n|[\n\r\x85\u2028\u2029]", text))
    for line, column in (*document.keys.values(), *document.values.values()):
        assert 1 <= line <= count
        assert column >= 1


def toml(data):
    """Tables, each with its line, or an error that has one."""
    text = data.decode("utf-8", "replace")
    try:
        tables = parse_toml(text, "x.toml")
    except SettingsError as exc:
        _check_complaint(exc)
        line_of(text, ["a"])
        return
    for key in tables:
        line = line_of(text, [key])
        assert line is None or 1 <= line <= text.count("\n") + 1


def csv(data):
    """A table of plain cells, all rows of one width, or an error that says what to do."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_bytes(data)
        try:
            layout = lay_out(path, detect_encoding(path))
            rows = list(read_rows(path, layout))
        except SheetError as exc:
            _check_complaint(exc)
            return
    assert {len(row) for row in rows} <= {layout.width}


def verdict(data):
    """A cause for whatever a server wrote."""
    found = judge_text(data.decode("utf-8", "replace"))
    assert found.wait is None or found.wait >= 0


TARGETS = {
    found.__name__: found
    for found in (
        session,
        replies,
        addresses,
        mailbox,
        header_block,
        header_values,
        yaml,
        toml,
        csv,
        verdict,
    )
}
