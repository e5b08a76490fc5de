"""`[dkim.NAME]`: the keys that sign mail, as notifier.toml describes them, and who signs what."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from notifier.errors import UsageError
from notifier.locale import _
from notifier.mailbox import parse_address
from notifier.nearest import did_you_mean
from notifier.relays import Table
from notifier.workspace import WORKSPACE_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

#: RFC 6376, 3.1: labels of a host's name; some selectors in use have an underscore.
_SELECTOR = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*")
#: A name in DNS has 253 characters at most, `._domainkey.` and the domain among them.
_MAX_NAME = 253


class DkimSettings(Table):
    """`[dkim.NAME]`: a key that signs the mail of a domain (RFC 6376)."""

    name: str = Field(default="", exclude=True)
    #: In ASCII and small letters.
    domain: str = Field(min_length=1)
    selector: str = Field(min_length=1)
    #: The private key, RSA or Ed25519, as PEM; readable by its owner alone.
    key_file: Path

    @field_validator("domain")
    @classmethod
    def _is_domain(cls, value: str) -> str:
        return ascii_domain(value)

    @field_validator("selector")
    @classmethod
    def _is_selector(cls, value: str) -> str:
        return check_selector(value)

    @property
    def record_name(self) -> str:
        """The name at which DNS holds the public key (RFC 6376, 3.6.2.1), without a last dot."""
        return f"{self.selector}._domainkey.{self.domain}"


def ascii_domain(text: str) -> str:
    """The domain as DNS knows it: in ASCII and small letters, without a dot at its end.

    Raises:
        ValueError: it is not a domain.
    """
    try:
        found = parse_address(f"x@{text.strip().rstrip('.')}")
    except ValueError as exc:
        raise ValueError(_("a domain such as school.example is expected.")) from exc
    return found.rpartition("@")[2].lower()


def check_selector(text: str) -> str:
    """The selector.

    Raises:
        ValueError: it is not one.
    """
    if _SELECTOR.fullmatch(text) and len(text) < _MAX_NAME:
        return text
    raise ValueError(_("letters, digits and - are expected, such as 2027a."))


def find_twin(keys: Mapping[str, DkimSettings]) -> str | None:
    """The later of two tables that would have one record; None: there are none."""
    seen = Counter[str]()
    for name, key in keys.items():
        seen[key.record_name.lower()] += 1
        if seen[key.record_name.lower()] > 1:
            return name
    return None


def choose_keys(
    keys: Mapping[str, DkimSettings], address: str, *, chosen: bool | tuple[str, ...] | None
) -> tuple[DkimSettings, ...]:
    """The keys that sign mail from `address`: its domain's, or those of the nearest above it.

    A key of school.example is also good for mail from mail.school.example: receivers that look at
    organisations, as DMARC does by default, take the one for the other.

    `chosen`: a campaign's own word. False: none; True: there must be one; names: these.

    Raises:
        UsageError: there is no key of that name, or none at all where there must be one.
    """
    if chosen is False:
        return ()
    if isinstance(chosen, tuple):
        return tuple(_named(keys, name) for name in dict.fromkeys(chosen))
    found = _keys_of(keys, address)
    if not found and chosen:
        raise UsageError(
            _("There is no DKIM key for mail from {address}.").format(address=address),
            where=WORKSPACE_FILE,
            next_step=_("Make one with: notifier dkim keygen -o FILE"),
        )
    return found


def _keys_of(keys: Mapping[str, DkimSettings], address: str) -> tuple[DkimSettings, ...]:
    domain = ascii_domain(address.rpartition("@")[2]) if keys else ""
    while domain:
        found = tuple(key for key in keys.values() if key.domain == domain)
        if found:
            return found
        domain = domain.partition(".")[2]
    return ()


def _named(keys: Mapping[str, DkimSettings], name: str) -> DkimSettings:
    if name in keys:
        return keys[name]
    raise UsageError(
        _("There is no DKIM key named {name}.").format(name=name),
        where=WORKSPACE_FILE,
        next_step=did_you_mean(name, list(keys))
        or _("Make one with: notifier dkim keygen -o FILE"),
    )
