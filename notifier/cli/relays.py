"""`notifier relay check`: whether a relay answers, speaks TLS and takes our account."""

from __future__ import annotations

import typer

from notifier.cli import options
from notifier.cli.console import facts, print_json, say
from notifier.cli.group import add_command, group
from notifier.cli.session import session_of
from notifier.locale import N_, _

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

    from notifier.smtp.pool import check as try_relay

    relay = session_of(ctx).workspace.relay(name)
    transcript = asyncio.run(try_relay(relay))
    if as_json:
        print_json({"relay": name, "host": relay.host, "port": relay.port, **transcript.as_dict()})
        return
    say(*transcript.lines)
    say("")
    say(_("The relay {relay} can be used.").format(relay=name), style="green")
    facts([(_("host"), f"{relay.host}:{relay.port}"), (_("TLS"), relay.tls)])


add_command(app, "check", check, CHECK_HELP)
