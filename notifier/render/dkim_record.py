"""The record that holds a DKIM key's public half in DNS (RFC 6376, 3.6.1): written, read, compared.

Nothing here asks DNS: records come in as texts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notifier.render.dkim_key import PublicKey

#: Bytes of one of the strings that a TXT record consists of (RFC 1035, 3.3.14).
STRING_BYTES = 255
_TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=(.*)", re.DOTALL)


class Verdict(StrEnum):
    """What a record says about a key of ours."""

    MATCHES = "matches"
    MISSING = "missing"
    #: Several records at one name: which one counts is not said (RFC 6376, 3.6.2.2).
    SEVERAL = "several"
    #: A record that is not a DKIM key's.
    UNREADABLE = "unreadable"
    #: `p=` is empty: the key is withdrawn.
    REVOKED = "revoked"
    DIFFERENT = "different"
    #: It is our key, and yet its `h=` or `s=` doesn't let it sign mail by SHA-256.
    RESTRICTED = "restricted"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A verdict, and what it was made from."""

    verdict: Verdict
    #: The records as DNS has them.
    found: tuple[str, ...] = ()
    #: `t=y`: receivers are told not to rely on the key.
    is_testing: bool = False


def record_text(public: PublicKey) -> str:
    """The record's text, in one piece."""
    return f"v=DKIM1; k={public.kind}; p={public.data}"


def record_strings(text: str) -> list[str]:
    """The text in pieces that fit a TXT record's strings."""
    return [text[start : start + STRING_BYTES] for start in range(0, len(text), STRING_BYTES)]


def zone_lines(name: str, text: str) -> str:
    """The record as it stands in a zone's file (RFC 1035, 5.1)."""
    strings = "\n".join(f'    "{piece}"' for piece in record_strings(text))
    return f"{name} IN TXT (\n{strings} )"


def compare(records: Sequence[str], public: PublicKey) -> Comparison:
    """The verdict on the TXT records at a key's name; each is its strings joined."""
    found = tuple(records)
    if not found:
        return Comparison(Verdict.MISSING)
    keys = [record for record in found if _is_key(record)]
    if len(keys) > 1:
        return Comparison(Verdict.SEVERAL, found)
    tags = parse_tags(keys[0]) if keys else None
    if tags is None:
        return Comparison(Verdict.UNREADABLE, found)
    is_testing = "y" in _words(tags.get("t", ""))
    return Comparison(_verdict(tags, public), found, is_testing=is_testing)


def _is_key(record: str) -> bool:
    """Whether it is, or may be meant to be, a key: by its tags, else by its beginning."""
    tags = parse_tags(record)
    return record.lstrip().startswith("v=DKIM1") if tags is None else "p" in tags


def _verdict(tags: Mapping[str, str], public: PublicKey) -> Verdict:
    if tags.get("v", "DKIM1") != "DKIM1":
        return Verdict.UNREADABLE
    data = re.sub(r"\s", "", tags["p"])
    if not data:
        return Verdict.REVOKED
    if tags.get("k", "rsa").lower() != public.kind or data.rstrip("=") != public.data.rstrip("="):
        return Verdict.DIFFERENT
    hashes, services = _words(tags.get("h", "sha256")), _words(tags.get("s", "*"))
    allows = "sha256" in hashes and bool({"*", "email"} & services)
    return Verdict.MATCHES if allows else Verdict.RESTRICTED


def parse_tags(text: str) -> dict[str, str] | None:
    """`v=DKIM1; p=...` as tags (RFC 6376, 3.2); None: it is not a list of tags."""
    tags: dict[str, str] = {}
    parts = text.split(";")
    if not parts[-1].strip():
        parts.pop()
    for part in parts:
        match = _TAG.fullmatch(part)
        if match is None or match[1] in tags:
            return None
        tags[match[1]] = match[2].strip()
    return tags


def _words(text: str) -> set[str]:
    return {word.strip().lower() for word in text.split(":")}
