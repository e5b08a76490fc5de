"""`notifier relay check` and `list`: whether a relay takes our account, and how all are doing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from notifier.cli import options
from notifier.cli.console import facts, heading, print_json, say
from notifier.cli.group import add_command, group
from notifier.cli.session import Session, session_of
from notifier.errors import RelayError, RelayUnreachable
from notifier.locale import N_, _

if TYPE_CHECKING:
    from notifier.settings import RelaySettings
    from notifier.smtp.transcript import Transcript

app = group(N_("The mail servers that messages are submitted through."))

CHECK_HELP = N_(
    "Connect to a relay, negotiate TLS, authenticate and quit; show the conversation without "
    "its secrets.\n\n"
    "No message is sent. `sandbox` is always a relay: the one that `notifier sandbox` serves."
)


LIST_HELP = N_(
    "List the relays: healthy, slowed down or paused, why and until when, open connections, how "
    "much of each limit is used up, and when each last took a message or was tried out.\n\n"
    "It is what the ledger knows from sending; no relay is asked."
)


def list_all(ctx: typer.Context, as_json: bool = options.JSON) -> None:
    """Tell how each relay of the workspace is doing."""
    from notifier.cli.relay_states import standings, tell_standings
    from notifier.settings import SANDBOX

    session = session_of(ctx)
    found = standings(session, [*session.workspace.settings.relays, SANDBOX])
    if as_json:
        print_json([it.as_dict() for it in found])
    else:
        tell_standings(found, session.zone)


def check(
    ctx: typer.Context,
    name: str = typer.Argument(
        ..., metavar="NAME", help=N_("A relay of notifier.toml ([relays.NAME]), or sandbox.")
    ),
    as_json: bool = options.JSON,
) -> None:
    """Try the relay; RelayError where it can't be used."""
    from datetime import UTC, datetime

    from notifier.cli.interrupt import run_async
    from notifier.smtp.relay_advice import advise
    from notifier.smtp.transcript import check as try_relay

    session = session_of(ctx)
    workspace = session.workspace
    relay = workspace.relay(name)
    found = run_async(try_relay(relay))
    _keep(session, found)
    if not as_json:
        say(*found.lines)
    if found.error is not None:
        raise point_to_sandbox(found.error, relay)
    largest = workspace.settings.limits.max_message_bytes
    advice = advise(found, relay, datetime.now(UTC), largest_message=largest)
    if as_json:
        print_json({**_as_dict(name, found), "advice": advice})
    else:
        _tell(found, relay, advice)


def _keep(session: Session, found: Transcript) -> None:
    """Have the ledger know of it, where that can be written: the trial counts all the same."""
    import time
    from contextlib import suppress

    from notifier.delivery.acquaintance import met_in_trial
    from notifier.errors import LedgerError

    with suppress(LedgerError, OSError), session.ledger() as ledger:
        ledger.traffic.note_relays([], [met_in_trial(found, time.time())])


def _tell(found: Transcript, relay: RelaySettings, advice: list[str]) -> None:
    from notifier.smtp.relay_advice import announced_limits

    say("")
    say(_("The relay {relay} can be used.").format(relay=found.relay), style="green")
    certificate = found.certificate
    issuer = _("{subject}, signed by {issuer}")
    limits = announced_limits(found)
    facts(
        [
            (_("host"), f"{found.host}:{found.port}"),
            (_("TLS"), f"{found.tls_version} {found.cipher}".strip() or _("none")),
            (
                _("certificate"),
                issuer.format(subject=certificate.subject, issuer=certificate.issuer)
                if certificate
                else None,
            ),
            (
                _("certificate valid until"),
                certificate.ends.date().isoformat() if certificate else None,
            ),
            (_("signed in as"), _signed_in(found, relay)),
            (_("capabilities"), " ".join(found.capabilities.keywords or ())),
            (_("limits"), " ".join(f"{key}={value}" for key, value in limits.items())),
        ]
    )
    if advice:
        heading(_("Advice"))
        say(*(f"  - {sentence}" for sentence in advice))


def _signed_in(found: Transcript, relay: RelaySettings) -> str | None:
    if not found.is_signed_in:
        return None
    name = relay.username or _("whom the certificate names")
    return _("{name}, by {mechanism}").format(name=name, mechanism=found.mechanism)


def point_to_sandbox(error: RelayError, relay: RelaySettings) -> RelayError:
    """The error; where the sandbox can't be reached, with the command that starts it."""
    from notifier.settings import SANDBOX

    if relay.name == SANDBOX and isinstance(error, RelayUnreachable):
        error.next_step = _("Start the sandbox in a second window: notifier sandbox")
    return error


def _as_dict(name: str, found: Transcript) -> dict[str, Any]:
    from notifier.smtp.relay_advice import announced_limits

    certificate = found.certificate
    return {
        "relay": name,
        "host": found.host,
        "port": found.port,
        "tls_version": found.tls_version,
        "cipher": found.cipher,
        "certificate_subject": certificate.subject if certificate else None,
        "certificate_names": list(certificate.names) if certificate else [],
        "certificate_issuer": certificate.issuer if certificate else None,
        "certificate_ends": certificate.ends.isoformat() if certificate else None,
        "is_signed_in": found.is_signed_in,
        "mechanism": found.mechanism,
        "capabilities": found.capabilities.keywords or {},
        "limits": announced_limits(found),
        "lines": list(found.lines),
    }


add_command(app, "check", check, CHECK_HELP)
add_command(app, "list", list_all, LIST_HELP)
