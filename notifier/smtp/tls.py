"""TLS contexts, and what goes wrong below SMTP, in the room's own words."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import ssl
from typing import TYPE_CHECKING

from notifier.locale import _
from notifier.model import Stage
from notifier.smtp import troubles
from notifier.smtp.mechanism import ChannelBinding

if TYPE_CHECKING:
    from asyncio import BaseTransport

    from notifier.errors import RelayError
    from notifier.settings import RelaySettings
    from notifier.smtp.account import Account

#: In a text of asyncio's: "Multiple exceptions: [Errno 111] Connect call failed (...), ...".
_ERRNO = re.compile(r"\[Errno ([0-9]+)\]")
#: OpenSSL's verify codes (x509_vfy.h).
_EXPIRED = 10
_NOT_YET_VALID = 9
_UNKNOWN_ISSUER = frozenset({18, 19, 20, 21})
_OTHER_NAME = frozenset({62, 64})


#: What the relay's alert is called when it wants a certificate of ours (RFC 8446 section 6.2).
_WANTS_CERTIFICATE = ("CERTIFICATE_REQUIRED", "UNKNOWN_CA", "BAD_CERTIFICATE", "HANDSHAKE_FAILURE")
#: A certificate's digests that are too weak to bind to (RFC 5929 section 4.1).
_WEAK = frozenset({"md5", "sha1"})
_MINIMUM = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def make_context(relay: RelaySettings, account: Account) -> ssl.SSLContext:
    """A context that checks the relay's certificate and name, unless `verify` is off.

    With `ca_file` its authorities count alone, and not the system's. Raises TlsError where a file
    of certificates or keys can't be used.
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
    context.minimum_version = _MINIMUM[relay.tls_minimum]
    if not relay.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if relay.client_cert_file is not None:
        _show_certificate(context, relay, account)
    return context


def _show_certificate(context: ssl.SSLContext, relay: RelaySettings, account: Account) -> None:
    """Let the context show our certificate to a relay that asks for one."""
    assert relay.client_cert_file is not None
    password = relay.client_key_password
    try:
        context.load_cert_chain(
            relay.client_cert_file,
            relay.client_key_file,
            # Never None: OpenSSL would ask at the terminal.
            lambda: password.get_secret_value() if password is not None else "",
        )
    except (OSError, ssl.SSLError) as exc:
        raise troubles.no_client_certificate(account, _reason(exc)) from None


def _reason(exc: OSError) -> str:
    if isinstance(exc, ssl.SSLError):
        return (exc.reason or _("it is no PEM file")).replace("_", " ").lower()
    return exc.strerror or str(exc)


def channel_binding(transport: BaseTransport) -> ChannelBinding | None:
    """What a sign-in can be bound to, once TLS is up; None without TLS.

    `tls-unique` up to TLS 1.2; from 1.3 on, where that is not defined, `tls-server-end-point`:
    the digest of the relay's certificate (both RFC 5929).
    """
    tls = transport.get_extra_info("ssl_object")
    if tls is None:
        return None
    if tls.version() != "TLSv1.3":
        unique = tls.get_channel_binding("tls-unique")
        return ChannelBinding("tls-unique", unique) if unique else None
    certificate = tls.getpeercert(binary_form=True)
    digest = end_point(certificate) if certificate else b""
    return ChannelBinding("tls-server-end-point", digest) if digest else None


def end_point(certificate: bytes) -> bytes:
    """The digest of a DER certificate (RFC 5929 section 4.1); empty where there is none for it.

    By the digest of the certificate's own signature, SHA-256 in place of MD5 and SHA-1. There is
    none for signatures without one, as Ed25519's.
    """
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415 - 0.1 s, with TLS only

    try:
        algorithm = load_der_x509_certificate(certificate).signature_hash_algorithm
    except ValueError:  # also UnsupportedAlgorithm's kin: a signature that is not known
        return b""
    if algorithm is None:
        return b""
    name = "sha256" if algorithm.name in _WEAK else algorithm.name
    return hashlib.new(name.replace("-", "_"), certificate).digest()


def translate(account: Account, stage: Stage, exc: BaseException, seconds: float) -> RelayError:
    """The error for what the system or the TLS library raised; `seconds` was the time limit."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return troubles.certificate_refused(account, *_explain(account, exc))
    if isinstance(exc, ssl.SSLError):
        reason = exc.reason or str(exc)
        if "ALERT" in reason and any(name in reason for name in _WANTS_CERTIFICATE):
            return troubles.client_certificate_wanted(account, reason.replace("_", " ").lower())
        return troubles.handshake_failed(account, reason)
    if isinstance(exc, (socket.gaierror, UnicodeError)):  # a name that IDNA can't encode
        return troubles.unknown_host(account)
    return _translate_system(account, stage, exc, seconds)


def _translate_system(
    account: Account, stage: Stage, exc: BaseException, seconds: float
) -> RelayError:
    if isinstance(exc, TimeoutError) and stage is not Stage.TLS:
        return troubles.timed_out(account, stage, seconds)
    detail = _system_words(exc)
    if stage is Stage.TLS:
        return troubles.handshake_failed(account, detail)
    if stage is Stage.CONNECT:
        return troubles.unreachable(account, detail)
    return troubles.lost(account, stage, detail)


def _system_words(exc: BaseException) -> str:
    """What the system says, the same on every event loop: asyncio puts words of its own in."""
    number = getattr(exc, "errno", None)
    if not number and (found := _ERRNO.search(str(exc))):  # one for each address that was tried
        number = int(found[1])
    if number and not isinstance(exc, (ssl.SSLError, socket.gaierror)):
        return os.strerror(number)
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__


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
