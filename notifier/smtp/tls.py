"""TLS contexts, and what goes wrong below SMTP, in the room's own words."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from notifier.locale import _
from notifier.model import Stage
from notifier.smtp import troubles

if TYPE_CHECKING:
    from notifier.errors import RelayError
    from notifier.settings import RelaySettings
    from notifier.smtp.account import Account

#: OpenSSL's verify codes (x509_vfy.h).
_EXPIRED = 10
_NOT_YET_VALID = 9
_UNKNOWN_ISSUER = frozenset({18, 19, 20, 21})
_OTHER_NAME = frozenset({62, 64})


def make_context(relay: RelaySettings, account: Account) -> ssl.SSLContext:
    """A context that checks the relay's certificate and name, unless `verify` is off.

    Raises TlsError where `ca_file` can't be used.
    """
    try:
        context = ssl.create_default_context(cafile=relay.ca_file)
    except (OSError, ssl.SSLError) as exc:
        raise troubles.certificate_refused(
            account,
            _("the file {file} can't be read as certificates").format(file=relay.ca_file),
            _("Check ca_file of [relays.{relay}]: it must be a PEM file.").format(
                relay=account.name
            ),
        ) from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not relay.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def translate(account: Account, stage: Stage, exc: BaseException, seconds: float) -> RelayError:
    """The error for what the system or the TLS library raised; `seconds` was the time limit."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return troubles.certificate_refused(account, *_explain(account, exc))
    if isinstance(exc, ssl.SSLError):
        return troubles.handshake_failed(account, exc.reason or str(exc))
    if isinstance(exc, (socket.gaierror, UnicodeError)):  # a name that IDNA can't encode
        return troubles.unknown_host(account)
    return _translate_system(account, stage, exc, seconds)


def _translate_system(
    account: Account, stage: Stage, exc: BaseException, seconds: float
) -> RelayError:
    if isinstance(exc, TimeoutError) and stage is not Stage.TLS:
        return troubles.timed_out(account, stage, seconds)
    detail = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
    if stage is Stage.TLS:
        return troubles.handshake_failed(account, detail)
    if stage is Stage.CONNECT:
        return troubles.unreachable(account, detail)
    return troubles.lost(account, stage, detail)


def _explain(account: Account, exc: ssl.SSLCertVerificationError) -> tuple[str, str]:
    """What is wrong with the certificate, and what to do about it."""
    if exc.verify_code in _OTHER_NAME:
        return (
            _("it is for another name"),
            _("Write host as it stands in the certificate, in [relays.{relay}].").format(
                relay=account.name
            ),
        )
    if exc.verify_code in {_EXPIRED, _NOT_YET_VALID}:
        return (
            _("it is out of date, or this computer's clock is wrong"),
            _("Check the clock; else the relay's operator has to renew the certificate."),
        )
    if exc.verify_code in _UNKNOWN_ISSUER:
        return (
            _("nobody known here has signed it"),
            _("If it is your own relay's, name its authority: ca_file in [relays.{relay}].").format(
                relay=account.name
            ),
        )
    return exc.verify_message, _("Ask the relay's operator.")
