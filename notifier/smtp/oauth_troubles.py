"""The errors of getting an access token: what happened, at which server, and what to do next.

A server that can't be reached may be reached later; one that says no goes on saying so until
somebody does something about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.environment import variable_for
from notifier.errors import AuthenticationError, RelayUnreachable, SettingsError
from notifier.locale import _
from notifier.model import Stage
from notifier.smtp import refusals
from notifier.smtp.sign_in_troubles import failed
from notifier.smtp.troubles import ended, place

if TYPE_CHECKING:
    from pathlib import Path

    from notifier.smtp.account import Account


def unreachable(account: Account, host: str, detail: str) -> RelayUnreachable:
    """The token server gives no answer, or one that asks for patience."""
    return RelayUnreachable(
        ended(
            _("No access token for {relay}: {host} can't be reached ({detail})").format(
                relay=account.name, host=host, detail=detail
            )
        ),
        stage=Stage.AUTH,
        where=place(account, Stage.AUTH),
        next_step=_("Check the network, or the firewall towards {host}.").format(host=host),
    )


def refused(account: Account, host: str, said: str) -> AuthenticationError:
    """The token server says no; `said`: its error and description, without secrets."""
    return failed(
        account,
        ended(
            _("No access token for {relay}: {host} says {answer}").format(
                relay=account.name, host=host, answer=said
            )
        ),
        next_step=refusals.token_step(account.oauth, said),
    )


def no_token(account: Account, source: str) -> AuthenticationError:
    """What was answered, printed or read is no token."""
    return failed(
        account,
        _("No access token for {relay}: what {source} gives is none.").format(
            relay=account.name, source=source
        ),
        next_step=_("Check [relays.{relay}.oauth] in notifier.toml.").format(relay=account.name),
    )


def command_failed(account: Account, program: str, detail: str) -> AuthenticationError:
    """The user's own program did not do it. Its output is not shown: it may hold secrets."""
    return failed(
        account,
        ended(
            _("No access token for {relay}: {program} failed ({detail})").format(
                relay=account.name, program=program, detail=detail
            )
        ),
        next_step=_("Run token_command of [relays.{relay}.oauth] yourself, as this user.").format(
            relay=account.name
        ),
    )


def no_secret(account: Account) -> AuthenticationError:
    """Neither a client secret nor a refresh token."""
    variable = variable_for(("relays", account.name, "oauth", "client_secret"))
    return failed(
        account,
        _("There is no client secret for {relay}.").format(relay=account.name),
        next_step=_(
            "Set {variable} in the environment, or client_secret_file under [relays.{relay}.oauth]."
        ).format(variable=variable, relay=account.name),
    )


def odd_service_account(path: Path) -> SettingsError:
    """The file is not the one that Google gives out."""
    return SettingsError(
        _("This is no key of a Google service account."),
        where=str(path),
        next_step=_(
            "In the Google Cloud console make a JSON key for the service account, and put it there."
        ),
    )


def spent(error: AuthenticationError) -> AuthenticationError:
    """The relay refuses a token that was fetched just now: another would fare no better."""
    return AuthenticationError(
        _("{message} The token was fetched just now, so the relay does not want it.").format(
            message=error.message
        ),
        stage=error.stage,
        reply=error.reply,
        where=error.where,
        next_step=error.next_step,
    )
