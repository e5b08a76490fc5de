"""What a relay's certificate says of itself, for people; nothing here decides about trust."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from datetime import datetime

#: What a name is called by, the first that it has.
_CALLED = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME)
#: Names of a certificate that are listed.
_MOST_NAMES = 5


@dataclass(frozen=True, slots=True)
class Certificate:
    """A relay's certificate."""

    #: Whom it is for: a common name, else the first of `names`.
    subject: str
    #: Hosts that it is for, as far as they are listed.
    names: tuple[str, ...]
    #: Who signed it.
    issuer: str
    begins: datetime
    ends: datetime


def read_certificate(der: bytes) -> Certificate | None:
    """The certificate; None where it can't be read."""
    try:
        found = x509.load_der_x509_certificate(der)
        names = _hosts(found)
        return Certificate(
            subject=_called(found.subject) or (names[0] if names else ""),
            names=names,
            issuer=_called(found.issuer),
            begins=found.not_valid_before_utc,
            ends=found.not_valid_after_utc,
        )
    except ValueError:
        return None


def _called(name: x509.Name) -> str:
    for kind in _CALLED:
        found = name.get_attributes_for_oid(kind)
        if found:
            return str(found[0].value)
    return name.rfc4514_string()


def _hosts(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    names = found.get_values_for_type(x509.DNSName)
    addresses = [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    return tuple([*names, *addresses][:_MOST_NAMES])
