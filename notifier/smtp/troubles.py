"""The errors of a session: what happened, at which relay and step, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.errors import (
    AuthenticationError,
    RelayProtocolError,
    RelayRefused,
    RelayUnreachable,
    TlsError,
)
from notifier.locale import _
from notifier.model import Stage

if TYPE_CHECKING:
    from notifier.model import Reply
    from notifier.smtp.account import Account


def place(account: Account, stage: Stage) -> str:
    """Where it happened."""
    return _("relay {relay}, at {stage}").format(relay=account.name, stage=stage.value)


def _try(account: Account) -> str:
    return _("Try it out: notifier relay check {relay}").format(relay=account.name)


def refused(account: Account, stage: Stage, reply: Reply) -> RelayRefused:
    """It answered, and does not want our session."""
    if reply.is_transient:
        next_step = _("It may do so later: resume the run then.")
    else:
        next_step = _("Ask the relay's operator whether this computer may send through it.")
    return RelayRefused(
        _("The relay {relay} refuses the session: {reply}").format(relay=account.name, reply=reply),
        stage=stage,
        reply=reply,
        where=place(account, stage),
        next_step=next_step,
    )


def unreachable(account: Account, detail: str) -> RelayUnreachable:
    """No connection."""
    return RelayUnreachable(
        _("No connection to {host} on port {port}: {detail}").format(
            host=account.host, port=account.port, detail=detail
        ),
        stage=Stage.CONNECT,
        where=place(account, Stage.CONNECT),
        next_step=_(
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
        _("What {host} sends on port {port} is not SMTP: {fault}").format(
            host=account.host, port=account.port, fault=_(fault)
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
        _("The relay {relay} gave a reply that makes no sense here: {reply}").format(
            relay=account.name, reply=reply
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
        _("The relay {relay} offers STARTTLS but refuses it: {reply}").format(
            relay=account.name, reply=reply
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
        _("No TLS connection to {host}: {detail}").format(host=account.host, detail=detail),
        stage=Stage.TLS,
        where=place(account, Stage.TLS),
        next_step=_(
            "Check port and tls of [relays.{relay}]: 465 goes with implicit, 587 with starttls. "
            "TLS 1.2 is the least that is accepted."
        ).format(relay=account.name),
    )


def certificate_refused(account: Account, detail: str, next_step: str) -> TlsError:
    """The certificate is not to be trusted."""
    return TlsError(
        _("The certificate of {host} is not to be trusted: {detail}").format(
            host=account.host, detail=detail
        ),
        stage=Stage.TLS,
        where=place(account, Stage.TLS),
        next_step=next_step,
    )


def no_sign_in(account: Account, offered: str) -> AuthenticationError:
    """No mechanism that both sides know."""
    return AuthenticationError(
        _("The relay {relay} offers no way to sign in that is known here ({offered}).").format(
            relay=account.name, offered=offered or _("it offers none")
        ),
        stage=Stage.AUTH,
        where=place(account, Stage.AUTH),
        next_step=_("Check auth, port and tls of [relays.{relay}] in notifier.toml.").format(
            relay=account.name
        ),
    )


def sign_in_in_clear(account: Account) -> AuthenticationError:
    """Signing in without TLS was not allowed."""
    return AuthenticationError(
        _("The password for {relay} would travel in clear, so it is not sent.").format(
            relay=account.name
        ),
        stage=Stage.AUTH,
        where=place(account, Stage.AUTH),
        next_step=_(
            'Set tls = "starttls" or "implicit". Only inside a network that you trust: '
            "allow_insecure_auth = true."
        ),
    )


def no_password(account: Account) -> AuthenticationError:
    """A user name, and nothing to sign in with."""
    variable = f"NOTIFIER_RELAYS__{account.name.upper()}__PASSWORD"
    return AuthenticationError(
        _("There is no password for {username} at {relay}.").format(
            username=account.username, relay=account.name
        ),
        stage=Stage.AUTH,
        where=place(account, Stage.AUTH),
        next_step=_("Set {variable} in the environment, or password_file in notifier.toml.").format(
            variable=variable
        ),
    )


def sign_in_refused(account: Account, reply: Reply) -> AuthenticationError:
    """It does not accept name and password, or can't check them now."""
    if reply.is_transient:
        next_step = _("It can't check passwords now: resume the run later.")
    else:
        next_step = _(
            "Check username and password. Accounts with two steps need an app password or SMTP "
            "sign-in switched on by their administrator."
        )
    return AuthenticationError(
        _("The relay {relay} does not accept the account {username}: {reply}").format(
            relay=account.name, username=account.username, reply=reply
        ),
        stage=Stage.AUTH,
        reply=reply,
        where=place(account, Stage.AUTH),
        next_step=next_step,
    )


def odd_challenge(account: Account) -> AuthenticationError:
    """The exchange does not go as the mechanism has it."""
    return AuthenticationError(
        _("The relay {relay} asks for something that does not belong to signing in.").format(
            relay=account.name
        ),
        stage=Stage.AUTH,
        where=place(account, Stage.AUTH),
        next_step=_('Try another way: auth = "plain" or "login" in [relays.{relay}].').format(
            relay=account.name
        ),
    )
