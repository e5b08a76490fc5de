"""`notifier relay check`: whether a relay answers, speaks TLS and takes our account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from notifier.cli import options
from notifier.cli.console import facts, print_json, say
from notifier.cli.group import add_command, group
from notifier.cli.session import session_of
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


def check(
    ctx: typer.Context,
    name: str = typer.Argument(
        ..., metavar="NAME", help=N_("A relay of notifier.toml ([relays.NAME]), or sandbox.")
    ),
    as_json: bool = options.JSON,
) -> None:
    """Try the relay; RelayError where it can't be used."""
    import asyncio

    from notifier.smtp.transcript import check as try_relay

    relay = session_of(ctx).workspace.relay(name)
    found = asyncio.run(try_relay(relay))
    if as_json and found.error is None:
        print_json(_as_dict(name, found))
        return
    if not as_json:
        say(*found.lines)
    if found.error is not None:
        raise point_to_sandbox(found.error, relay)
    say("")
    say(_("The relay {relay} can be used.").format(relay=name), style="green")
    ends = found.certificate_ends
    facts(
        [
            (_("host"), f"{found.host}:{found.port}"),
            (_("TLS"), f"{found.tls_version} {found.cipher}".strip() or _("none")),
            (_("certificate valid until"), ends.date().isoformat() if ends else None),
            (_("signed in as"), relay.username if found.is_signed_in else None),
        ]
    )


def point_to_sandbox(error: RelayError, relay: RelaySettings) -> RelayError:
    """The error; where the sandbox can't be reached, with the command that starts it."""
    from notifier.settings import SANDBOX

    if relay.name == SANDBOX and isinstance(error, RelayUnreachable):
        error.next_step = _("Start the sandbox in a second window: notifier sandbox")
    return error


def _as_dict(name: str, found: Transcript) -> dict[str, Any]:
    ends = found.certificate_ends
    return {
        "relay": name,
        "host": found.host,
        "port": found.port,
        "tls_version": found.tls_version,
        "cipher": found.cipher,
        "certificate_ends": ends.isoformat() if ends else None,
        "is_signed_in": found.is_signed_in,
        "lines": list(found.lines),
    }


add_command(app, "check", check, CHECK_HELP)
