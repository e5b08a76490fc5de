"""The errors of signing in: what happened, at which relay, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.environment import variable_for
from notifier.errors import AuthenticationError
from notifier.locale import _
from notifier.model import Stage
from notifier.smtp import refusals
from notifier.smtp.troubles import ended, place

if TYPE_CHECKING:
    from notifier.model import Reply
    from notifier.smtp.account import Account


def failed(
    account: Account, message: str, *, next_step: str, reply: Reply | None = None
) -> AuthenticationError:
    """An error of signing in at this relay."""
    return AuthenticationError(
        message,
        stage=Stage.AUTH,
        reply=reply,
        where=place(account, Stage.AUTH),
        next_step=next_step,
    )


def no_sign_in(account: Account, offered: str) -> AuthenticationError:
    """No mechanism that both sides know."""
    return failed(
        account,
        _("The relay {relay} offers no way to sign in that is known here ({offered}).").format(
            relay=account.name, offered=offered or _("it offers none")
        ),
        next_step=_("Check auth, port and tls of [relays.{relay}] in notifier.toml.").format(
            relay=account.name
        ),
    )


def sign_in_in_clear(account: Account) -> AuthenticationError:
    """Signing in without TLS was not allowed."""
    return failed(
        account,
        _("The password for {relay} would travel in clear, so it is not sent.").format(
            relay=account.name
        ),
        next_step=_(
            'Set tls = "starttls" or "implicit". Only inside a network that you trust: '
            "allow_insecure_auth = true."
        ),
    )


def no_password(account: Account) -> AuthenticationError:
    """A user name, and nothing to sign in with."""
    variable = variable_for(("relays", account.name, "password"))
    return failed(
        account,
        _("There is no password for {username} at {relay}.").format(
            username=account.username, relay=account.name
        ),
        next_step=_("Set {variable} in the environment, or password_file in notifier.toml.").format(
            variable=variable
        ),
    )


def odd_password(account: Account) -> AuthenticationError:
    """Characters that no stored name or password can have (RFC 4013)."""
    return failed(
        account,
        _("The name or password for {relay} has characters that can't be used.").format(
            relay=account.name
        ),
        next_step=_(
            "Look for control characters or a part of another script in them, or try "
            'auth = "plain" in [relays.{relay}].'
        ).format(relay=account.name),
    )


def no_binding(account: Account) -> AuthenticationError:
    """-PLUS was asked for, and the connection has nothing to bind to."""
    return failed(
        account,
        _("This connection to {relay} has no TLS that a sign-in can be bound to.").format(
            relay=account.name
        ),
        next_step=_('Set auth = "scram-sha-256" or "auto" in [relays.{relay}].').format(
            relay=account.name
        ),
    )


def unproven(account: Account) -> AuthenticationError:
    """The relay says yes without having shown that it knows the password (RFC 5802 section 3)."""
    return failed(
        account,
        _(
            "The relay {relay} did not prove that it knows the account: it may be another one."
        ).format(relay=account.name),
        next_step=_(
            "Nothing was sent. Check host of [relays.{relay}], and tell its operator."
        ).format(relay=account.name),
    )


def sign_in_refused(account: Account, reply: Reply, complaint: str = "") -> AuthenticationError:
    """It does not accept the account, or can't check it now; `complaint`: why, if it said so."""
    if reply.is_transient:
        next_step = _("It can't check passwords now: resume the run later.")
    elif account.oauth:
        next_step = refusals.next_step(account.oauth, str(reply), account.username)
    else:
        next_step = _(
            "Check username and password. Accounts with two steps need an app password or SMTP "
            "sign-in switched on by their administrator."
        )
    said = f"{reply} ({refusals.in_words(complaint)})" if complaint else str(reply)
    return failed(
        account,
        ended(
            _("The relay {relay} does not accept the account {username}: {reply}").format(
                relay=account.name, username=account.username, reply=said
            )
        ),
        reply=reply,
        next_step=next_step,
    )


def odd_challenge(account: Account) -> AuthenticationError:
    """The exchange does not go as the mechanism has it."""
    return failed(
        account,
        _("The relay {relay} asks for something that does not belong to signing in.").format(
            relay=account.name
        ),
        next_step=_('Try another way: auth = "plain" or "login" in [relays.{relay}].').format(
            relay=account.name
        ),
    )
