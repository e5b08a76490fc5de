"""The errors of a session: what happened, at which relay and step, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.environment import variable_for
from notifier.errors import (
    RelayProtocolError,
    RelayRefused,
    RelayUnreachable,
    TlsError,
)
from notifier.locale import _
from notifier.model import Stage
from notifier.routing import SANDBOX
from notifier.stages import word

if TYPE_CHECKING:
    from notifier.model import Reply
    from notifier.smtp.account import Account


def place(account: Account, stage: Stage) -> str:
    """Where it happened."""
    return _("relay {relay}, step: {stage}").format(relay=account.name, stage=word(stage))


def ended(sentence: str) -> str:
    """The sentence with a full stop, where a reply or a system's message ends it without one."""
    sentence = sentence.rstrip()
    return sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}."


def _try(account: Account) -> str:
    return _("Try it out: notifier relay check {relay}").format(relay=account.name)


def refused(account: Account, stage: Stage, reply: Reply) -> RelayRefused:
    """It answered, and does not want our session."""
    if reply.is_transient:
        next_step = _("It may do so later: resume the run then.")
    else:
        next_step = _("Ask the relay's operator whether this computer may send through it.")
    return RelayRefused(
        ended(
            _("The relay {relay} refuses the session: {reply}").format(
                relay=account.name, reply=reply
            )
        ),
        stage=stage,
        reply=reply,
        where=place(account, stage),
        next_step=next_step,
    )


def unreachable(account: Account, detail: str) -> RelayUnreachable:
    """No connection."""
    return RelayUnreachable(
        ended(
            _("No connection to {host} on port {port}: {detail}").format(
                host=account.host, port=account.port, detail=detail
            )
        ),
        stage=Stage.CONNECT,
        where=place(account, Stage.CONNECT),
        next_step=_("Start the sandbox in a second window: notifier sandbox")
        if account.name == SANDBOX
        else _(
            "Check host and port of [relays.{relay}] in notifier.toml, and the network or firewall."
        ).format(relay=account.name),
    )


def unknown_host(account: Account) -> RelayUnreachable:
    """The name has no address."""
    return RelayUnreachable(
        _("There is no host {host}.").format(host=account.host),
        stage=Stage.CONNECT,
        where=place(account, Stage.CONNECT),
        next_step=_(
            "Check host of [relays.{relay}] in notifier.toml, and whether the network is up."
        ).format(relay=account.name),
    )


def timed_out(account: Account, stage: Stage, seconds: float) -> RelayUnreachable:
    """It did not answer within the time for that step."""
    return RelayUnreachable(
        _("The relay {relay} did not answer within {seconds} seconds.").format(
            relay=account.name, seconds=f"{seconds:g}"
        ),
        stage=stage,
        where=place(account, stage),
        next_step=_try(account),
    )


def lost(account: Account, stage: Stage, detail: str = "") -> RelayUnreachable:
    """The connection ended in the middle of something."""
    return RelayUnreachable(
        _("The relay {relay} dropped the connection ({detail}).").format(
            relay=account.name, detail=detail or _("closed without a word")
        ),
        stage=stage,
        where=place(account, stage),
        next_step=_try(account),
    )


def interrupted(account: Account, stage: Stage) -> RelayUnreachable:
    """We closed the connection ourselves, at once."""
    return RelayUnreachable(
        _("Sending was interrupted."),
        stage=stage,
        where=place(account, stage),
        next_step=_("Resume the run to go on."),
    )


def not_smtp(account: Account, stage: Stage, fault: str) -> RelayProtocolError:
    """Garbage; `fault` is one of the sentences of `replies`."""
    return RelayProtocolError(
        ended(
            _("What {host} sends on port {port} is not SMTP: {fault}").format(
                host=account.host, port=account.port, fault=_(fault)
            )
        ),
        stage=stage,
        where=place(account, stage),
        next_step=_("Check port and tls of [relays.{relay}] in notifier.toml.").format(
            relay=account.name
        ),
    )


def out_of_place(account: Account, stage: Stage, reply: Reply) -> RelayProtocolError:
    """A reply that can't follow what was said, or that nobody asked for."""
    return RelayProtocolError(
        ended(
            _("The relay {relay} gave a reply that makes no sense here: {reply}").format(
                relay=account.name, reply=reply
            )
        ),
        stage=stage,
        reply=reply,
        where=place(account, stage),
        next_step=_try(account),
    )


def no_starttls(account: Account) -> TlsError:
    """TLS is required, and the relay does not offer it: perhaps somebody took the offer out."""
    return TlsError(
        _("The relay {relay} does not offer STARTTLS, so nothing is sent.").format(
            relay=account.name
        ),
        stage=Stage.STARTTLS,
        where=place(account, Stage.STARTTLS),
        next_step=_(
            'Try port = 465 with tls = "implicit". Only inside a network that you trust: '
            'tls = "none".'
        ),
    )


def starttls_refused(account: Account, reply: Reply) -> TlsError:
    """It offers STARTTLS and then does not do it."""
    return TlsError(
        ended(
            _("The relay {relay} offers STARTTLS but refuses it: {reply}").format(
                relay=account.name, reply=reply
            )
        ),
        stage=Stage.STARTTLS,
        reply=reply,
        where=place(account, Stage.STARTTLS),
        next_step=_("Nothing was sent. Ask the relay's operator."),
    )


def injected(account: Account) -> TlsError:
    """Bytes between the reply to STARTTLS and the handshake (CVE-2021-38371, RFC 3207)."""
    return TlsError(
        _("Something spoke in clear between STARTTLS and TLS: the connection was tampered with."),
        stage=Stage.STARTTLS,
        where=place(account, Stage.STARTTLS),
        next_step=_("Nothing was sent. Try from another network, and tell the relay's operator."),
    )


def handshake_failed(account: Account, detail: str) -> TlsError:
    """No TLS session came about."""
    return TlsError(
        ended(_("No TLS connection to {host}: {detail}").format(host=account.host, detail=detail)),
        stage=Stage.TLS,
        where=place(account, Stage.TLS),
        next_step=_(
            "Check port and tls of [relays.{relay}]: 465 goes with implicit, 587 with starttls. "
            "TLS {version} is the least that is accepted."
        ).format(relay=account.name, version=account.tls_minimum),
    )


def certificate_refused(account: Account, detail: str, next_step: str) -> TlsError:
    """The certificate is not to be trusted."""
    return TlsError(
        ended(
            _("The certificate of {host} is not to be trusted: {detail}").format(
                host=account.host, detail=detail
            )
        ),
        stage=Stage.TLS,
        where=place(account, Stage.TLS),
        next_step=next_step,
    )


def no_client_certificate(account: Account, detail: str) -> TlsError:
    """Our own certificate or key can't be used."""
    return TlsError(
        ended(
            _("Our certificate for {relay} can't be used: {detail}").format(
                relay=account.name, detail=detail
            )
        ),
        stage=Stage.TLS,
        where=place(account, Stage.TLS),
        next_step=_(
            "Check client_cert_file and client_key_file of [relays.{relay}], both PEM; the key's "
            "password goes into the environment as {variable}."
        ).format(
            relay=account.name,
            variable=variable_for(("relays", account.name, "client_key_password")),
        ),
    )


def client_certificate_wanted(account: Account, detail: str) -> TlsError:
    """The relay ends the handshake for want of a certificate of ours, or does not trust it."""
    if account.has_certificate:
        message = _("{host} does not accept our certificate: {detail}")
        step = _("Ask the relay's operator which authority must have signed it.")
    else:
        message = _("{host} ends the TLS handshake: {detail}")
        step = _(
            "It may want a certificate of ours (client_cert_file in [relays.{relay}]), or speak "
            "another version of TLS than {version} and above."
        ).format(relay=account.name, version=account.tls_minimum)
    return TlsError(
        ended(message.format(host=account.host, detail=detail)),
        stage=Stage.TLS,
        where=place(account, Stage.TLS),
        next_step=step,
    )
