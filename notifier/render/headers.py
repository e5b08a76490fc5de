"""Header fields: encoded, folded, and scanned before they leave.

Text becomes RFC 2047 encoded words or stays as it is; it is never decoded on the way. CPython's
`email` decodes encoded words that it finds in data, and so let a cell write a Bcc line
(CVE-2024-6923); here a text that looks like an encoded word is encoded, so that the reader sees it
literally. File names are written twice, by RFC 2231 and as an encoded word in `name=`, since some
mail programs read only the latter.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from functools import lru_cache
from typing import TYPE_CHECKING

from notifier.errors import MessageError
from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Octets of UTF-8 in one encoded word: 75 characters less `=?utf-8?b?` and `?=`, in base64.
_WORD_OCTETS = 45
#: Octets that have room for a character of UTF-8, and some.
_ONE_CHARACTER = 6
_FOLD = "\r\n "
_BETWEEN = b"?=\r\n =?utf-8?b?"
#: Characters of a line that people and programs of every age can read (RFC 5322, 2.1.1).
MAX_LINE = 78
#: Characters of a line that holds an encoded word (RFC 2047, 2).
_MAX_ENCODED_LINE = 76
#: Longer runs without a space can't be folded, so they are encoded.
_LONGEST_PLAIN_WORD = 60

#: What a cell may not bring into a header: controls, line and paragraph separators.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
#: Bidirectional overrides, which make `exe.pdf` read as `fdp.exe`.
_OVERRIDES = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
#: Signs that Windows does not allow in a file's name; folders among them.
_UNSAVED = re.compile(r'[<>:"/\\|?*]')
#: An address that needs no look at its quoting; the recipients' room has checked its syntax.
_SIMPLE_ADDRESS = re.compile(
    r"[^\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff<>()\[\]:;,\\\"@]+@[^\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff<>()\[\]:;,\\\"@]+\Z"
)
_QUOTED_ADDRESS = re.compile(
    r"(?:\"(?:[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\"\\]|\\[\x20-\x7e])+\"|[^\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff<>()\[\]:;,\\\"@]+)"
    r"@(?:\[[A-Za-z0-9.:-]+\]|[^\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff<>()\[\]:;,\\\"@]+)\Z"
)
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,120}\Z")
#: A field's value as it may leave, given that controls are looked for apart: every further line
#: begins with a space and holds something else too. The group is not possessive: before 3.11.5
#: (python/cpython#106052) such a one matched wrongly, and no message could be made.
_VALUE = rb"[^\r]*+(?:\r\n +[^ \r][^\r]*+)*"
#: Octets of a header but for its line ends.
_PRINTABLE = bytes(octet for octet in range(0x20, 0x100) if octet != 0x7F)  # noqa: PLR2004 - DEL
_CRLF = b"\r\n"
#: Octets of a line (RFC 5322, 2.1.1).
MAX_OCTETS = 998


def single_line(text: str) -> str:
    """The text as a header shows it: one line, single spaces, no controls."""
    if text.isprintable():  # no control, and of all white space the plain space alone
        if "  " not in text:
            return text.strip()
    elif _CONTROLS.search(text):
        text = _CONTROLS.sub(" ", text)
    return " ".join(text.split())


def is_plain(text: str) -> bool:
    """Whether the text can stand in a header as it is: printable ASCII, single spaces."""
    return (
        text.isascii()
        and text.isprintable()
        and text != ""
        and text[0] != " "
        and text[-1] != " "
        and "  " not in text
        and "=?" not in text
    )


def encode_text(text: str, name_length: int) -> str:
    """An unstructured value (Subject), one line of text, folded; `name_length`: of `Subject: `."""
    if is_plain(text):
        if name_length + len(text) <= MAX_LINE:
            return text
        words = text.split(" ")
        if max(map(len, words)) <= _LONGEST_PLAIN_WORD:
            return fold(words, name_length)
    return encode_words(text, name_length)


def fold(words: Sequence[str], used: int) -> str:
    """The words with single spaces, folded where a line would be longer than 78 characters."""
    lines: list[str] = []
    line = ""
    for word in words:
        if line and used + len(line) + 1 + len(word) > MAX_LINE:
            lines.append(line)
            line, used = word, 1
        else:
            line = f"{line} {word}" if line else word
    return "\r\n ".join([*lines, line])


def encode_words(text: str, used: int) -> str:
    """The text as RFC 2047 encoded words, none split within a character.

    `used`: characters before it in its line. Lone surrogates, which are no text, become `?`.
    """
    data = text.encode("utf-8", "replace")
    room = min((_MAX_ENCODED_LINE - used - 12) // 4 * 3, _WORD_OCTETS)
    if len(data) <= room:
        return f"=?utf-8?b?{b2a_base64(data, newline=False).decode()}?="
    parts = _split_characters(data, room if room >= _ONE_CHARACTER else _WORD_OCTETS)
    words = _BETWEEN.join([b2a_base64(part, newline=False) for part in parts]).decode()
    return f"{'' if room >= _ONE_CHARACTER else _FOLD}=?utf-8?b?{words}?="


def _split_characters(data: bytes, room: int) -> list[bytes]:
    """The UTF-8 text in pieces, the first of `room` octets at most, no character split."""
    parts = []
    start, end, size = 0, room, len(data)
    while end < size:
        while data[end] & 0xC0 == 0x80:  # noqa: PLR2004 - a continuation octet of UTF-8
            end -= 1
        parts.append(data[start:end])
        start, end = end, end + _WORD_OCTETS
    parts.append(data[start:])
    return parts


# --- addresses ---------------------------------------------------------------------------------


def check_address(address: str) -> str:
    """The address, byte for byte. Raises MessageError where it could become anything else."""
    if _SIMPLE_ADDRESS.match(address) or _QUOTED_ADDRESS.match(address):
        return address
    raise MessageError(
        _("`{address}` is not an address that a message can be sent to.").format(
            address=single_line(address)
        ),
        next_step=_("Correct the address in the sheet."),
    )


def encode_mailbox(name: str, address: str, name_length: int) -> str:
    """`Name <address>` for From, To, Reply-To (RFC 5322, 3.4); an empty name gives the address."""
    if not name:
        return address
    if _ATOMS.match(name) and "=?" not in name and len(name) <= _LONGEST_PLAIN_WORD:
        phrase = name
    elif is_plain(name) and len(name) <= _LONGEST_PLAIN_WORD:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        phrase = f'"{escaped}"'
    else:
        phrase = encode_words(name, name_length)
    last = len(phrase) - phrase.rfind("\n") - 1 + (0 if "\n" in phrase else name_length)
    gap = " " if last + len(address) + 3 <= MAX_LINE else "\r\n "
    return f"{phrase}{gap}<{address}>"


def domain_of(address: str) -> str:
    """The address's domain in ASCII, for Message-ID."""
    domain = address.rpartition("@")[2]
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError as exc:
        raise MessageError(
            _("The domain of `{address}` can't be written in ASCII.").format(address=address),
            next_step=_("Correct the address."),
        ) from exc


def check_token(token: str) -> str:
    """The token of a Message-ID, unless it could become anything else. Raises MessageError."""
    if _TOKEN.match(token):
        return token
    raise MessageError(
        _("A message's token may hold letters, digits and `.`, `_`, `-` only."),
        next_step=_("Report this: tokens are made by the program."),
    )


# --- file names --------------------------------------------------------------------------------


def safe_file_name(name: str) -> str:
    """The name without controls, folders, bidirectional overrides or signs that Windows refuses."""
    cleaned = _UNSAVED.sub("_", _OVERRIDES.sub("", single_line(name)))
    return cleaned or "attachment"


def encode_parameter(key: str, value: str) -> str:
    """`; key="value"` folded, by RFC 2231 where it is not plain ASCII or too long for a line.

    `value` comes from `safe_file_name`, so it has no quote or backslash.
    """
    if value.isascii() and is_plain(value) and len(value) <= _LONGEST_PLAIN_WORD:
        return f';\r\n {key}="{value}"'
    units = [_percent(octet) for octet in value.encode("utf-8", "replace")]
    encoded = "".join(units)
    if len(encoded) + len(key) + 12 <= MAX_LINE:
        return f";\r\n {key}*=utf-8''{encoded}"
    return "".join(_continued(key, units))


def _continued(key: str, units: list[str]) -> Iterator[str]:
    """RFC 2231, 3: `key*0*=utf-8''...; key*1*=...`, no octet split."""
    number, line = 0, "utf-8''"
    for unit in units:
        if len(line) + len(unit) + len(key) + 8 > _MAX_ENCODED_LINE:
            yield f";\r\n {key}*{number}*={line}"
            number, line = number + 1, ""
        line += unit
    yield f";\r\n {key}*{number}*={line}"


@lru_cache(maxsize=256)
def _percent(octet: int) -> str:
    sign = chr(octet)
    # RFC 5987's attr-char, which both standards read.
    return (
        sign if sign.isascii() and (sign.isalnum() or sign in "!#$&+-.^_`|~") else f"%{octet:02X}"
    )


def encode_name_parameter(value: str) -> str:
    """`; name="..."` for Content-Type, which older programs read: RFC 2047 in a quoted text."""
    if value.isascii() and is_plain(value) and len(value) <= _LONGEST_PLAIN_WORD:
        return encode_parameter("name", value)
    return f';\r\n name="{encode_words(value, 7)}"'


# --- the scan ----------------------------------------------------------------------------------


def block_pattern(names: Sequence[str]) -> re.Pattern[bytes]:
    """What a header block with just these fields, in this order, looks like, but for its signs.

    A block that does not match as a whole holds something that nobody meant: a field that is not
    ours, a bare CR, a line of white space only. `check_block` looks for controls and bare LF.
    """
    fields = (re.escape(name.encode("ascii")) + rb": " + _VALUE + rb"\r\n" for name in names)
    return re.compile(b"".join(fields))


def check_block(pattern: re.Pattern[bytes], block: bytes) -> None:
    """Raise MessageError unless the block is what `block_pattern` allows, without controls."""
    # One pass in C finds all controls; a pattern with a class of signs takes three times as long.
    ends = block.translate(None, _PRINTABLE)
    if ends != _CRLF * (len(ends) // 2) or pattern.fullmatch(block) is None:
        raise MessageError(
            _("The message's header holds something that does not belong there."),
            next_step=_("Look for line breaks or control characters in this row's cells."),
        )
    if len(block) > MAX_OCTETS and max(map(len, block.split(_CRLF))) > MAX_OCTETS:
        raise MessageError(
            _("A line of the message's header is longer than 998 characters."),
            next_step=_("Shorten the subject, the name or the address."),
        )
