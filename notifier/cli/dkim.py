"""`notifier dkim keygen` and `check`: keys that sign mail, and their records in DNS."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - typer reads annotations when it builds
from typing import TYPE_CHECKING, Any, Literal

import typer

from notifier.cli import options
from notifier.cli.console import heading, print_json, say
from notifier.cli.group import add_command, group
from notifier.cli.session import Session, session_of
from notifier.errors import NotifierError, UsageError
from notifier.locale import N_, _
from notifier.workspace import WORKSPACE_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notifier.cli.name_server import Answer
    from notifier.dkim_keys import DkimSettings
    from notifier.render.dkim_key import Kind, SigningKey
    from notifier.render.dkim_record import Comparison

app = group(N_("Keys that sign mail (DKIM), and their records in DNS."))

KEYGEN_HELP = N_(
    "Make a key that signs mail; print the DNS record and the lines of notifier.toml for it.\n\n"
    "Nothing that is already there is overwritten. Both types together make two signatures: RSA "
    "is understood everywhere, Ed25519 is shorter and newer."
)
CHECK_HELP = N_(
    "Compare each key of notifier.toml with its record in DNS.\n\n"
    "Exit code 0: all match; 1: a record is missing or another; 3: DNS can't be asked."
)

_DONE, _FAILURES, _UNAVAILABLE = 0, 1, 3
#: A verdict of this command's own: DNS gave none.
_NOT_ASKED = "unavailable"
_SIMPLE_KEY = re.compile(r"[A-Za-z0-9_-]+")


# --- keygen ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _NewKey:
    file: Path
    kind: Kind
    #: Empty where nobody said.
    domain: str
    selector: str
    value: str
    #: As notifier.toml names it: from the workspace's root where it lies below.
    shown_file: str

    @property
    def record_name(self) -> str:
        name = f"{self.selector}._domainkey"
        return f"{name}.{self.domain}" if self.domain else name

    def settings(self) -> list[str]:
        plain = _SIMPLE_KEY.fullmatch(self.selector)
        table = self.selector if plain else json.dumps(self.selector)
        return [
            f"[dkim.{table}]",
            f'domain = "{self.domain or "school.example"}"',
            f'selector = "{self.selector}"',
            f"key_file = {json.dumps(self.shown_file, ensure_ascii=False)}",
        ]


def keygen(  # noqa: PLR0917 - typer's signature
    ctx: typer.Context,
    output: Path = typer.Option(
        ...,
        "--output",
        "-o",
        metavar="FILE",
        help=N_("The new file with the private key, readable by you alone."),
    ),
    domain: str = typer.Option(
        "", "--domain", metavar="DOMAIN", help=N_("The domain that the mail is from.")
    ),
    selector: str = typer.Option(
        "",
        "--selector",
        metavar="NAME",
        help=N_("The key's name in DNS; if not given: its type, the year and the month."),
    ),
    type_: str = typer.Option("rsa", "--type", metavar="TYPE", help=N_("rsa or ed25519.")),
    as_json: bool = options.JSON,
) -> None:
    """Make a key."""
    from notifier.render.dkim_key import generate_pem, read_key, write_pem
    from notifier.render.dkim_record import record_text

    kind = _kind(type_)
    chosen = _selector(selector, kind, datetime.now(UTC))
    at = _domain(domain)
    write_pem(output, generate_pem(kind))
    value = record_text(read_key(output).public)
    new = _NewKey(output, kind, at, chosen, value, _from_root(session_of(ctx), output))
    if as_json:
        print_json(_new_as_dict(new))
    else:
        _tell_new(new)


def _kind(text: str) -> Kind:
    kinds: tuple[Literal["rsa"], Literal["ed25519"]] = ("rsa", "ed25519")
    for kind in kinds:
        if text.lower() == kind:
            return kind
    raise UsageError(
        _("There is no key of the type {type}.").format(type=text),
        where="--type",
        next_step=_("It takes one of: {choices}.").format(choices=", ".join(kinds)),
    )


def _selector(text: str, kind: Kind, now: datetime) -> str:
    from notifier.dkim_keys import check_selector

    try:
        return check_selector(text or f"{kind}{now:%Y%m}")
    except ValueError as exc:
        raise UsageError(
            _("`{text}` is not a selector.").format(text=text),
            where="--selector",
            next_step=_("Use letters, digits and -, such as 2027a."),
        ) from exc


def _domain(text: str) -> str:
    from notifier.dkim_keys import ascii_domain

    try:
        return ascii_domain(text) if text else ""
    except ValueError as exc:
        raise UsageError(
            _("`{text}` is not a domain.").format(text=text),
            where="--domain",
            next_step=_("Write what stands behind the @ of the sender, such as school.example."),
        ) from exc


def _from_root(session: Session, path: Path) -> str:
    try:
        return path.absolute().relative_to(session.workspace.root).as_posix()
    except (NotifierError, ValueError):  # no workspace here, or the key lies outside of it
        return path.absolute().as_posix()


def _new_as_dict(new: _NewKey) -> dict[str, Any]:
    from notifier.render.dkim_record import record_strings, zone_lines

    return {
        "written": str(new.file),
        "type": new.kind,
        "domain": new.domain,
        "selector": new.selector,
        "record": {
            "name": new.record_name,
            "type": "TXT",
            "value": new.value,
            "strings": record_strings(new.value),
            "zone": zone_lines(_in_zone(new), new.value),
        },
        "settings": "\n".join(new.settings()) + "\n",
    }


def _in_zone(new: _NewKey) -> str:
    return f"{new.record_name}." if new.domain else new.record_name


def _tell_new(new: _NewKey) -> None:
    from notifier.render.dkim_record import zone_lines

    say(_("Wrote {path}: the private key. Give it to nobody.").format(path=new.file))
    heading(_("1. The DNS record, of type TXT. Its name:"))
    say(f"  {new.record_name}")
    say(_("Its value, in one line, for a web form:"))
    say(f"  {new.value}")
    say(_("The same for a zone's file:"))
    say(*(f"  {line}" for line in zone_lines(_in_zone(new), new.value).splitlines()))
    heading(_("2. The lines for {file}:").format(file=WORKSPACE_FILE))
    say(*(f"  {line}" for line in new.settings()))
    heading(_("3. When the record is published:"))
    say("  notifier dkim check")


# --- check -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Finding:
    """What DNS says of one key."""

    key: DkimSettings
    signing: SigningKey
    #: None: DNS could not be asked.
    comparison: Comparison | None
    trouble: str = ""

    @property
    def verdict(self) -> str:
        return self.comparison.verdict.value if self.comparison else _NOT_ASKED


def check(
    ctx: typer.Context,
    domain: str = typer.Option(
        "", "--domain", metavar="DOMAIN", help=N_("Only the keys of this domain.")
    ),
    name_server: str | None = typer.Option(
        None,
        "--nameserver",
        metavar="ADDRESS",
        help=N_("Ask this name server (1.1.1.1) and not the computer's own."),
    ),
    as_json: bool = options.JSON,
) -> int:
    """Compare the keys with DNS; the exit code."""
    from notifier.cli.name_server import open_resolver

    keys = _configured(session_of(ctx), _domain(domain))
    look_up = open_resolver(name_server)
    findings = [_examine(key, look_up) for key in keys]
    if as_json:
        print_json([_as_dict(finding) for finding in findings])
    else:
        for finding in findings:
            _tell(finding)
    return exit_code([finding.verdict for finding in findings])


def exit_code(verdicts: Sequence[str]) -> int:
    """1 where a record is wrong for certain; else 3 where DNS could not be asked; else 0."""
    wrong = set(verdicts) - {"matches"}
    if wrong - {_NOT_ASKED}:
        return _FAILURES
    return _UNAVAILABLE if wrong else _DONE


def _configured(session: Session, domain: str) -> list[DkimSettings]:
    known = session.workspace.settings.dkim
    keys = [key for key in known.values() if domain in ("", key.domain)]
    if keys:
        return keys
    if known:
        raise UsageError(
            _("There is no DKIM key for {domain}.").format(domain=domain),
            where="--domain",
            next_step=_("There are keys for: {domains}.").format(
                domains=", ".join(sorted({key.domain for key in known.values()}))
            ),
        )
    raise UsageError(
        _("{file} names no DKIM key.").format(file=WORKSPACE_FILE),
        where=str(session.workspace.root / WORKSPACE_FILE),
        next_step=_("Make one with: notifier dkim keygen -o FILE"),
    )


def _examine(key: DkimSettings, look_up: Callable[[str], Answer]) -> _Finding:
    from notifier.render.dkim_key import read_key
    from notifier.render.dkim_record import compare

    signing = read_key(key.key_file)
    answer = look_up(key.record_name)
    if answer.trouble:
        return _Finding(key, signing, None, answer.trouble)
    return _Finding(key, signing, compare(answer.records, signing.public))


def _as_dict(finding: _Finding) -> dict[str, Any]:
    from notifier.render.dkim_record import record_text

    key, comparison = finding.key, finding.comparison
    message, step = _sentences(finding)
    return {
        "key": key.name,
        "domain": key.domain,
        "selector": key.selector,
        "type": finding.signing.public.kind,
        "bits": finding.signing.bits,
        "record": key.record_name,
        "verdict": finding.verdict,
        "is_testing": bool(comparison and comparison.is_testing),
        "expected": record_text(finding.signing.public),
        "found": list(comparison.found) if comparison else [],
        "message": message,
        "next": step,
    }


def _tell(finding: _Finding) -> None:
    message, step = _sentences(finding)
    say(f"[dkim.{finding.key.name}] {message}")
    if step:
        say(_("  next: {step}").format(step=step))


def _sentences(finding: _Finding) -> tuple[str, str]:
    """What was found, and what to do about it; nothing to do: empty."""
    message, step = _SENTENCES[finding.verdict]
    comparison = finding.comparison
    if comparison and comparison.is_testing and finding.verdict == "matches":
        message, step = _TESTING
    values = _values(finding)
    return _(message).format(**values), _(step).format(**values) if step else ""


def _values(finding: _Finding) -> dict[str, str]:
    from notifier.render.dkim_record import record_text

    return {
        "name": finding.key.record_name,
        "value": record_text(finding.signing.public),
        "found": " | ".join(finding.comparison.found if finding.comparison else ()),
        "reason": finding.trouble,
    }


_TESTING = (
    N_("DNS has this key at {name}, marked as a test (t=y)."),
    N_("When everything works, take t=y out of the record."),
)
_SENTENCES: dict[str, tuple[str, str]] = {
    "matches": (N_("DNS has this key at {name}."), ""),
    "missing": (
        N_("DNS has no record at {name}."),
        N_("Publish it there, as TXT: {value} (it can take an hour until it is seen)."),
    ),
    "several": (
        N_("DNS has several keys at {name}, and receivers may take the wrong one: {found}"),
        N_("Keep this one alone: {value}"),
    ),
    "unreadable": (
        N_("The record at {name} is no DKIM key: {found}"),
        N_("Put this in its place: {value}"),
    ),
    "revoked": (
        N_("The key at {name} is revoked: its p= is empty."),
        N_(
            "Make a key with another selector (notifier dkim keygen), and name it in notifier.toml."
        ),
    ),
    "different": (
        N_("DNS has another key at {name}: {found}"),
        N_(
            "Correct key_file or selector in notifier.toml, or put this in the record's place: "
            "{value}"
        ),
    ),
    "restricted": (
        N_("DNS has this key at {name}, but not for signing mail: {found}"),
        N_("Take h= and s= out of the record: {value}"),
    ),
    _NOT_ASKED: (
        N_("DNS could not be asked for {name}: {reason}."),
        N_("Try again, or ask another name server: --nameserver 1.1.1.1"),
    ),
}

add_command(app, "keygen", keygen, KEYGEN_HELP)
add_command(app, "check", check, CHECK_HELP)
