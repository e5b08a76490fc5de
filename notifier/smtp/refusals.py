"""Why a sign-in is refused, in plain words, and what its provider wants done about it.

Three tables: what relays say inside an exchange (RFC 5802 section 7, RFC 7628 section 3.2.2), what
token servers answer (RFC 6749 section 5.2; Microsoft's AADSTS numbers, Google's descriptions), and
what a relay may want beyond a good token. The first row that fits counts.
"""

from __future__ import annotations

from typing import NamedTuple

from notifier.locale import N_, _

#: What a relay says inside the exchange -> words.
_COMPLAINTS = {
    "invalid-proof": N_("the password is wrong"),
    "unknown-user": N_("it does not know the name"),
    "invalid-username-encoding": N_("it can't read the name"),
    "channel-bindings-dont-match": N_(
        "it sees another TLS connection than we do: something stands between"
    ),
    "server-does-support-channel-binding": N_(
        "it offers a stronger sign-in, and somebody took the offer out on the way"
    ),
    "unsupported-channel-binding-type": N_("it can't bind a sign-in to this TLS connection"),
    "invalid_token": N_("the token is not valid, or not for this mailbox"),
    "insufficient_scope": N_("the token lacks the permission to send mail"),
    "invalid_request": N_("it did not understand the token"),
    "400": N_("the token is not valid, or not for this mailbox"),
    "401": N_("the token is not valid, or not for this mailbox"),
}


class _Row(NamedTuple):
    """One thing that a provider says, and what to do then."""

    provider: str
    #: In lower case; any of them, within the error's name and description.
    signs: tuple[str, ...]
    step: str


_CONSENT_MICROSOFT = N_(
    "In Microsoft Entra give the app the application permission SMTP.SendAsApp of Office 365 "
    "Exchange Online, and grant admin consent."
)
_DELEGATION_GOOGLE = N_(
    "In the Google Workspace admin console (Security, API controls, Domain-wide delegation) add "
    "the service account's client ID with the scope https://mail.google.com/."
)

#: What token servers answer.
_TOKEN_ROWS = (
    _Row(
        "microsoft365",
        ("aadsts7000222",),
        N_("The client secret has run out: make a new one in Microsoft Entra for the app."),
    ),
    _Row(
        "microsoft365",
        ("aadsts7000215", "invalid_client"),
        N_("Check the client secret: it is the secret's value, not its ID."),
    ),
    _Row(
        "microsoft365",
        ("aadsts700016", "unauthorized_client"),
        N_("Check client_id: there is no app of that ID in the tenant."),
    ),
    _Row(
        "microsoft365", ("aadsts90002", "aadsts900023"), N_("Check tenant: there is none like it.")
    ),
    _Row("microsoft365", ("aadsts65001", "aadsts500011", "consent_required"), _CONSENT_MICROSOFT),
    _Row(
        "microsoft365",
        ("aadsts50076", "aadsts50079", "aadsts53003", "interaction_required"),
        N_("An access rule of the organisation wants a person there: have the app exempted."),
    ),
    _Row(
        "microsoft365",
        ("invalid_grant",),
        N_("The refresh token has run out or was withdrawn: let the mailbox's owner consent anew."),
    ),
    _Row(
        "microsoft365",
        ("invalid_scope", "invalid_resource"),
        N_("Leave scope out: the one that Microsoft 365 wants is known."),
    ),
    _Row("google", ("unauthorized_client", "access_denied"), _DELEGATION_GOOGLE),
    _Row(
        "google",
        ("invalid email", "not a valid email", "invalid_subject"),
        N_("Check username: it must be a mailbox of the Google Workspace domain."),
    ),
    _Row(
        "google",
        ("jwt signature", "account not found", "no longer exists"),
        N_("The service account's key was deleted: make a new one, and replace its file."),
    ),
    _Row(
        "google",
        ("short-lived", "reasonable timeframe", "invalid jwt"),
        N_("Set this computer's clock: Google takes no request that is minutes off."),
    ),
    _Row(
        "google",
        ("invalid_grant",),
        N_(
            "The refresh token has run out or was withdrawn: let the mailbox's owner consent anew. "
            "An app in the state Testing loses it after 7 days: publish it."
        ),
    ),
    _Row(
        "google",
        ("invalid_client", "deleted_client"),
        N_("Check client_id and client secret against the Google Cloud console."),
    ),
    _Row("", ("invalid_client", "unauthorized_client"), N_("Check client_id and client secret.")),
    _Row("", ("invalid_scope",), N_("Check scope under [relays.NAME.oauth].")),
    _Row("", ("invalid_grant",), N_("Get a new refresh token, and put it in the old one's place.")),
)

#: What relays want beyond a good token.
_RELAY_ROWS = (
    _Row(
        "microsoft365",
        ("5.7.139", "smtpclientauthentication"),
        N_(
            "SMTP AUTH is off. An Exchange administrator switches it on for the mailbox: "
            "Set-CASMailbox {username} -SmtpClientAuthenticationDisabled $false"
        ),
    ),
    _Row(
        "microsoft365",
        ("",),
        N_(
            "The token is good, but Exchange does not let the app in. An administrator registers "
            "its service principal (New-ServicePrincipal, with the object ID of the enterprise "
            "application), gives it the mailbox (Add-MailboxPermission {username} -AccessRights "
            "FullAccess) and leaves SMTP AUTH on for it."
        ),
    ),
    _Row(
        "google",
        ("",),
        N_(
            "Check that username is the mailbox that the token is for, and that the token has the "
            "scope https://mail.google.com/."
        ),
    ),
    _Row("", ("",), N_("Check username, and which permission the token was given.")),
)


def in_words(complaint: str) -> str:
    """What the relay said inside the exchange, in words; what is not known stays as it is."""
    words = _COMPLAINTS.get(complaint)
    return _(words) if words else complaint


def next_step(provider: str, said: str, username: str) -> str:
    """What to do when the relay refuses a token; `said`: its reply."""
    return _find(_RELAY_ROWS, provider, said).format(username=username)


def token_step(provider: str, said: str) -> str:
    """What to do when the token server refuses; `said`: its error and description."""
    return _find(_TOKEN_ROWS, provider, said) or _("Ask the operator of the token server.")


def _find(rows: tuple[_Row, ...], provider: str, said: str) -> str:
    heard = said.lower()
    for row in rows:
        if row.provider in {provider, ""} and any(sign in heard for sign in row.signs):
            return _(row.step)
    return ""
