"""A mailbox as a campaign writes it: `Name <address>` (RFC 5322 section 3.4), and list ids.

Read by hand and strictly, since the standard library's parser decodes encoded words on the way
and let a name become a header (CVE-2024-6923).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from unicodedata import normalize

from email_validator import EmailNotValidError, validate_email

from notifier.locale import _
from notifier.measures import single_line

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[BbQq]\?")
_LIST_ID = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+")
_MAX_NAME = 200
_MAX_LIST_ID = 255


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A name (may be empty) and an address."""

    name: str
    address: str


def parse_mailbox(text: str) -> Mailbox:
    """`Trường X <a@x.example>`, `"X, Y" <a@x.example>` or `a@x.example`.

    Raises:
        ValueError: it is not written like that, or holds what could become a header.
    """
    line = single_line(normalize("NFC", text)).strip()
    if _ENCODED_WORD.search(line):
        raise ValueError(_("write the name as it is read, not encoded (=?utf-8?...)."))
    before, bracket, rest = line.rpartition("<")
    if not bracket:
        return Mailbox("", parse_address(line))
    if not rest.endswith(">"):
        raise ValueError(_('it is written like "Name <office@school.example>".'))
    return Mailbox(_parse_name(before.strip()), parse_address(rest[:-1].strip()))


def _parse_name(text: str) -> str:
    if quoted := _QUOTED.fullmatch(text):
        text = re.sub(r"\\(.)", r"\1", quoted[1]).strip()
    elif "<" in text or ">" in text:
        raise ValueError(_('it is written like "Name <office@school.example>".'))
    elif text.startswith('"') or text.count('"') % 2:
        raise ValueError(_('a quotation mark in the name has no partner; write "Name" in full.'))
    if len(text) > _MAX_NAME:
        raise ValueError(_("the name is too long."))
    return text


def parse_address(text: str) -> str:
    """The address alone, checked for syntax (no DNS); an international domain in its ASCII form.

    Raises:
        ValueError: it is not an address.
    """
    try:
        found = validate_email(
            single_line(text),
            check_deliverability=False,
        )
    except EmailNotValidError as exc:
        raise ValueError(_("an address such as office@school.example is expected.")) from exc
    if found.local_part.isascii():  # no SMTPUTF8 needed where only the domain is international
        return f"{found.local_part}@{found.ascii_domain}"
    return found.normalized


def parse_list_id(text: str) -> str:
    """A list's id (RFC 2919) without its brackets: `grades.school.example`.

    Raises:
        ValueError: it is not one.
    """
    line = single_line(text).strip()
    bare = line[1:-1] if line.startswith("<") and line.endswith(">") else line
    if not _LIST_ID.fullmatch(bare) or len(bare) > _MAX_LIST_ID:
        raise ValueError(_("an id such as grades.school.example is expected."))
    return bare
