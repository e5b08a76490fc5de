"""`notifier campaign list|check|preview|test|schema`."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations when it builds

import typer

from notifier.cli import options
from notifier.cli.console import print_json, say, suggest, table, tell_written
from notifier.cli.examination import examine, tell_largest, tell_notes, tell_problems
from notifier.cli.group import add_command, group
from notifier.cli.session import Session, session_of
from notifier.errors import CampaignError
from notifier.locale import N_, _, ngettext

app = group(N_("Campaigns: look at them before they are sent."))

LIST_HELP = N_("List the campaigns of this workspace.")
CHECK_HELP = N_(
    "Render every recipient's message, and report what is wrong with any of them.\n\n"
    "Undefined variables, empty subjects, missing attachments, oversize messages and the like, "
    "each with the recipient and the line of the template. Nothing is sent."
)
PREVIEW_HELP = N_("Show one recipient's message as it will be, or write it as .html or .eml.")
TEST_HELP = N_("Send the first few recipients' messages to yourself, marked as a test.")
SCHEMA_HELP = N_("Print the JSON Schema of a campaign's file, for editors.")


def list_all(ctx: typer.Context, as_json: bool = options.JSON) -> int:
    """List the campaigns; 1 where one can't be read."""
    from notifier.campaign import list_campaigns

    session = session_of(ctx)
    names = list_campaigns(session.workspace.root)
    rows = [_describe(session, name) for name in names]
    if as_json:
        print_json(rows)
    elif not rows:
        say(
            _("There are no campaigns in {folder} yet.").format(
                folder=session.workspace.root / "campaigns"
            )
        )
        suggest("notifier init DIR --sample")
    else:
        table(
            (_("campaign"), _("title"), _("recipients from"), _("relay")),
            [(it["campaign"], it["error"] or it["title"], it["file"], it["relay"]) for it in rows],
        )
    return 1 if any(it["error"] for it in rows) else 0


def _describe(session: Session, name: str) -> dict[str, str]:
    from notifier.routing import spell_routes

    try:
        campaign = session.campaign(name)
    except CampaignError as exc:
        error = f"{exc.message} ({exc.where})" if exc.where else exc.message
        return {"campaign": name, "title": "", "file": "", "relay": "", "error": error}
    return {
        "campaign": name,
        "title": campaign.title,
        "file": str(campaign.recipients.file),
        "relay": spell_routes(campaign.routes),
        "error": "",
    }


def check(
    ctx: typer.Context, campaign: str = options.CAMPAIGN, as_json: bool = options.JSON
) -> int:
    """Examine a campaign; 1 where a message can't be sent as it is."""
    session = session_of(ctx)
    loaded = session.campaign(campaign)
    found = examine(session, loaded)
    if as_json:
        print_json(found.as_dict())
        return 0 if found.is_ready else 1
    say(_("{title} ({campaign})").format(title=loaded.title, campaign=loaded.name), style="bold")
    count = found.roster.tally.recipients
    say(
        ngettext(
            "{count} message was rendered; errors: {errors}, warnings: {warnings}.",
            "{count} messages were rendered; errors: {errors}, warnings: {warnings}.",
            count,
        ).format(count=count, errors=found.errors, warnings=found.warnings)
    )
    tell_largest(found)
    _tell_rejections(found.roster.tally.rejections, loaded.name)
    tell_notes(found.roster.notes)
    tell_problems(found)
    if found.is_ready:
        say(_("It is ready to be sent."), style="green")
        suggest(f"notifier send {loaded.name}")
    return 0 if found.is_ready else 1


def _tell_rejections(count: int, name: str) -> None:
    if count:
        say(
            ngettext(
                "{count} row was rejected: {command} tells why.",
                "{count} rows were rejected: {command} tells why.",
                count,
            ).format(count=count, command=f"notifier recipients check {name}")
        )


def preview(
    ctx: typer.Context,
    campaign: str = options.CAMPAIGN,
    recipient: str | None = typer.Option(
        None,
        "--recipient",
        "-r",
        metavar="KEY",
        help=N_("Whose message: their key or address; the first recipient if not given."),
    ),
    output: Path | None = typer.Option(
        None,
        "--output",
        "-o",
        metavar="FILE",
        help=N_("Write it instead: .html for a browser, .eml for a mail program."),
    ),
    as_json: bool = options.JSON,
) -> None:
    """Show or write one message."""
    from notifier.cli import preview as view

    session = session_of(ctx)
    loaded = session.campaign(campaign)
    compiled = session.recipe(loaded, session.relay(loaded)).compile()
    found = view.pick(session.roster(loaded), recipient, loaded.name)
    if output is not None:
        view.write(output, compiled, found)
        tell_written(str(output), as_json=as_json)
    elif as_json:
        print_json(view.as_dict(compiled.render(found), found))
    else:
        view.tell(compiled.render(found), found)


def send_test(
    ctx: typer.Context,
    *,
    campaign: str = options.CAMPAIGN,
    to: str = typer.Option(
        ..., "--to", metavar="ADDRESS", help=N_("Your own address; nobody else is mailed.")
    ),
    count: int = typer.Option(
        3, "--count", metavar="N", min=1, max=50, help=N_("How many recipients' messages.")
    ),
    relay: str | None = options.RELAY,
    as_json: bool = options.JSON,
) -> int:
    """Send a few real messages to one address; 1 where the relay refused one."""
    from notifier.cli.trial import send_trial, tell_trial

    session = session_of(ctx)
    loaded = session.campaign(campaign)
    relays = [it.relay for it in session.routes(loaded, relay)]
    results = send_trial(session, loaded, to=to, count=count, relays=relays)
    if as_json:
        print_json([it.as_dict() for it in results])
    else:
        tell_trial(results, to)
    return 0 if all(it.is_accepted for it in results) else 1


def schema() -> None:
    """Print the JSON Schema."""
    from notifier.campaign import json_schema

    print_json(json_schema())


add_command(app, "list", list_all, LIST_HELP)
add_command(app, "check", check, CHECK_HELP)
add_command(app, "preview", preview, PREVIEW_HELP)
add_command(app, "test", send_test, TEST_HELP)
add_command(app, "schema", schema, SCHEMA_HELP)
