r"""How servers have read the end of a message, before and after they knew of smuggling.

A server that ends a message where another sees more of it takes the rest for commands: that is SMTP
smuggling (CVE-2023-51764 Postfix, CVE-2023-51765 Sendmail, CVE-2023-51766 Exim, CVE-2024-27305
aiosmtpd, Cisco's "clean", and kin). Each reader here is a way to cut a stream into lines; all of
them must see one message, the same, and behind it the same commands.

None of this shares code with the program.
"""

from __future__ import annotations

import re

#: Nobody is known to; what we make ourselves is proof against it all the same.
UNICODE = "a server that ends lines where Python's splitlines does"
#: What ends a line, by the server. `(?:\r\n)` alone is RFC 5321.
ENDS = {
    "by the book": rb"\r\n",
    "Postfix before 3.8.4, Exim before 4.97.1": rb"\r?\n",
    "Sendmail before 8.18": rb"\r\n|\n|\r",
    "a server that makes bare ends whole (Cisco's clean)": rb"\r\n|\r|\n",
    "a server that takes further CRs (aiosmtpd before 1.4.5)": rb"\r*\n",
    "a server that ends a line at CR": rb"\r\n?",
    UNICODE: (rb"\r\n|[\n\r\x0b\x0c\x1c-\x1e]|\xc2\x85|\xe2\x80[\xa8\xa9]"),
}
#: What such servers leave out before they look.
FORGETS = {"": b"", "NUL": b"\0", "NUL and blanks behind a dot": b"\0"}


def lines(stream, ends, forgotten=b""):
    """The stream's lines, and what is no whole line at its end."""
    *whole, rest = re.split(ends, stream.replace(forgotten, b"") if forgotten else stream)
    return whole, rest


def read_data(stream, ends, *, forgotten=b"", trims=False):
    """What follows 354 -> the message's lines without their dots, and the commands after it."""
    found, rest = lines(stream, ends, forgotten)
    assert rest == b"", "half a line"
    for number, line in enumerate(found):
        if (line.rstrip(b" \t") if trims else line) == b".":
            message = [it.removeprefix(b".") for it in found[:number]]
            return message, found[number + 1 :]
    raise AssertionError("the message has no end")


def readers():
    """Each server, as a function of the stream."""
    for name, ends in ENDS.items():
        for lapse, forgotten in FORGETS.items():
            yield (
                f"{name}, forgets {lapse}" if lapse else name,
                lambda stream, ends=ends, forgotten=forgotten, trims="blanks" in lapse: read_data(
                    stream, ends, forgotten=forgotten, trims=trims
                ),
            )


READERS = dict(readers())
