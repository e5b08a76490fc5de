"""A cell's text -> the addresses in it, as the envelope will carry them.

Syntax is email-validator's (RFC 5321 and 5322 without quoted local parts, comments and address
literals, IDNA 2008 for domains; no DNS). What goes on the wire: the local part as written (NFC),
the domain in lower case and in ASCII (`xn--`), so that only a local part beyond ASCII needs
SMTPUTF8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from notifier.locale import N_, _

#: Plain addresses, a subset of what email-validator takes, unchanged but for the domain's case:
#: it costs about 40 us an address, this 1 us. A test compares the two.
_PLAIN = re.compile(
    r"[A-Za-z0-9_+-]{1,32}(?:\.[A-Za-z0-9_+-]{1,15}){0,2}@"
    r"(?:(?:[A-Za-z0-9]{1,2}|[A-Za-z0-9]{3,30}(?:-[A-Za-z0-9]{1,20})?)\.){1,4}"
    r"(?!(?i:test|invalid|local|localhost|onion|arpa)$)[A-Za-z]{2,20}",
    re.ASCII,
)

_ANGLED = re.compile(r"(?:\"[^\"]*\"|[^<>;,\n\"])*<\s*([^<>]*?)\s*>")
_SEPARATORS = re.compile(r"[;,\n|]+")
_COMMA_FOR_DOT = re.compile(r"\S+@[\w.-]+,\s?(?:com|vn|edu|net|org|gov)\b[\w.]*", re.IGNORECASE)
#: Between two addresses only: `a@x.vn / b@y.vn`, `a@x.vn và b@y.vn`, `a@x.vn b@y.vn`.
_BETWEEN = re.compile(r"(?<=\w)\s*(?:[/&\s]|\s(?:và|va|and|hoặc|or)\s)\s*(?=[^\s@/&]+@)")
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\ufeff\u00ad]")
_SPACES = re.compile("[\u00a0\u2007\u202f\u3000\\t\\r ]+")
_EDGES = " \"'()[]{}:…"

#: RFC 5321 section 4.5.3.1.1; email-validator looks at it only when told to be strict.
_MAX_LOCAL = 64  # octets

#: email-validator's sentences begin like this; ours are shorter, and in the reader's language.
_COMPLAINTS = (
    ("must have an @-sign", N_("There is no @ in it.")),
    ("something before the @-sign", N_("There is nothing before the @.")),
    ("something after the @-sign", N_("There is nothing after the @.")),
    ("should have a period", N_("The part after the @ has no dot, as in truong.edu.vn.")),
    ("special-use or reserved", N_("The part after the @ is a name that never gets mail.")),
    ("valid top-level domain", N_("The part after the last dot is not a top-level domain.")),
    ("two periods in a row", N_("Two dots follow each other.")),
    ("immediately after the @-sign", N_("The part after the @ begins with a dot or hyphen.")),
    ("start with a period", N_("The part before the @ begins with a dot.")),
    ("end with a period", N_("One of its parts ends with a dot.")),
    ("immediately before the @-sign", N_("The part before the @ ends with a dot.")),
    ("too long", N_("It is longer than mail allows.")),
    ("contains invalid characters", N_("It has characters that no address may have.")),
    ("unsafe characters", N_("It has characters that no address may have.")),
)


@dataclass(frozen=True, slots=True)
class BadAddress:
    """A piece of a cell that should be an address and is none."""

    text: str
    #: A sentence in the reader's language, with what to do.
    reason: str


def parse_addresses(text: str) -> list[str | BadAddress]:
    """The addresses in a cell, in order, each once; what can't be one is told why.

    Understands `a@x.vn; b@y.vn`, one a line, `Tên <a@x.vn>`, `mailto:`, and stray white space.
    An empty list: the cell is blank.
    """
    if plain := plain_address(text):
        return [plain]
    found: dict[str, str | BadAddress] = {}
    for piece in _pieces(text):
        address = _parse(piece)
        key = address.text if isinstance(address, BadAddress) else address.lower()
        found.setdefault(key, address)
    return list(found.values())


def plain_address(text: str) -> str:
    """The address, where the text is one plain address and nothing else; else empty."""
    if _PLAIN.fullmatch(text) is None:
        return ""
    if text.islower():
        return text
    local, _at, domain = text.partition("@")
    return f"{local}@{domain.lower()}"


def _pieces(text: str) -> list[str]:
    text = _SPACES.sub(" ", _INVISIBLE.sub("", text)).replace("\uff20", "@")
    if typo := _COMMA_FOR_DOT.search(text):
        before, after = text[: typo.start()], text[typo.end() :]
        return [*_pieces(before), typo.group(), *_pieces(after)]
    text = _ANGLED.sub(lambda found: f";{found.group(1)};", text)
    parts = (part for piece in _SEPARATORS.split(text) for part in _unjoined(piece))
    pieces = (part.rstrip(_EDGES + ".").lstrip(_EDGES) for part in parts)
    return [piece.removeprefix("mailto:") for piece in pieces if piece]


def _unjoined(piece: str) -> list[str]:
    """Addresses with only a space or a word between them; `n guyen@x.vn` is one bad address."""
    parts = _BETWEEN.split(piece) if piece.count("@") > 1 else [piece]
    return parts if all(part.count("@") == 1 for part in parts) else [piece]


def _parse(piece: str) -> str | BadAddress:
    if reason := _obvious(piece):
        return BadAddress(piece, reason)
    try:
        checked = validate_email(piece, check_deliverability=False)
    except EmailNotValidError as exc:
        return BadAddress(piece, _reason(str(exc)))
    local = checked.ascii_local_part or checked.local_part
    return f"{local}@{checked.ascii_domain}"


def _obvious(piece: str) -> str:
    """What is wrong at first sight, said better than by a parser; empty where nothing is."""
    if "@" not in piece:
        return _("There is no @ in it.") + " " + _mend()
    if piece.count("@") > 1:
        return _("It has more than one @.") + " " + _mend()
    if _COMMA_FOR_DOT.fullmatch(piece):
        better = re.sub(r",\s?", ".", piece)
        return _("A comma stands where a dot should: {better}?").format(better=better)
    if " " in piece:
        return _("It has a space in it.") + " " + _mend()
    if len(piece.partition("@")[0].encode()) > _MAX_LOCAL:
        return _("It is longer than mail allows.") + " " + _mend()
    return ""


def _reason(complaint: str) -> str:
    for part, ours in _COMPLAINTS:
        if part in complaint:
            return _(ours) + " " + _mend()
    return _("It is not a valid address.") + " " + _mend()


def _mend() -> str:
    return _("Correct the address in the sheet.")
