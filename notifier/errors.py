"""Every exception, on one page.

A refusal is data (`model.Outcome`); what is here is what stops somebody's work: bad input, a
mistake in a file, something unavailable. Each error names its place and ends with what to do
next. `message` is one plain sentence, already in the reader's language.

    NotifierError
        UsageError           a command was asked for something that is not there
        SettingsError        notifier.toml, the environment, the workspace
        CampaignError        a campaign's YAML
        SheetError           a spreadsheet that can't be read as one
        TemplateError        a template that does not compile, or does not render for a recipient
        MessageError         a message that must not leave: injection, too large, no subject
        GuardError           a run stopped by its own expectations before the first message
        RelayError           the relay is unavailable; carries the stage and the reply
            RelayUnreachable     no connection, no greeting, or the link was lost
            RelayRefused         it answered, and does not want our session
            TlsError             TLS required and not to be had, or a certificate not to be trusted
            AuthenticationError  the relay does not accept the account
            RelayProtocolError   it does not speak SMTP
        LocalProtocolError   our own misuse of the protocol: a bug, never the relay's fault
        LedgerError          the ledger is unavailable: locked, full, damaged, from a newer version
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from notifier.model import Reply, Stage


class NotifierError(Exception):
    """What the user is told: a sentence, where, and what to do next.

    `where` names the place (`campaigns/grades.yaml, line 7`), `next_step` the next thing to try.
    """

    #: The kind that scripts may rely on (`{"error": kind, ...}`).
    kind: ClassVar[str] = "error"
    #: 2: bad input or usage; 3: the relay or the ledger is unavailable.
    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, where: str = "", next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.next_step = next_step

    def as_dict(self) -> dict[str, str]:
        """The object that `--json` writes to standard error."""
        return {
            "error": self.kind,
            "message": self.message,
            "where": self.where,
            "next": self.next_step,
        }


class UsageError(NotifierError):
    """A command was asked for something that is not there, or can't be done now."""

    kind = "usage"


class SettingsError(NotifierError):
    """notifier.toml, the environment or the workspace is not as it must be."""

    kind = "settings"


class CampaignError(NotifierError):
    """A campaign's file is not as it must be."""

    kind = "campaign"


class SheetError(NotifierError):
    """A spreadsheet can't be read as one."""

    kind = "sheet"


class TemplateError(NotifierError):
    """A template does not compile, or does not render for a recipient."""

    kind = "template"

    def __init__(
        self,
        message: str,
        *,
        where: str = "",
        next_step: str = "",
        problem: str = "template",
        file: str = "",
        line: int = 0,
    ) -> None:
        super().__init__(message, where=where, next_step=next_step)
        #: The same for every recipient that meets it; preflight groups by it, `file` and `line`.
        self.problem = problem
        self.file = file
        #: 1-based; 0 where no line is to blame.
        self.line = line


class MessageError(NotifierError):
    """A message must not leave: a forged header, too large, an attachment out of bounds."""

    kind = "message"

    def __init__(
        self, message: str, *, where: str = "", next_step: str = "", problem: str = "message"
    ) -> None:
        super().__init__(message, where=where, next_step=next_step)
        #: The same for every recipient that meets it; preflight groups by it.
        self.problem = problem


class GuardError(NotifierError):
    """A run was stopped by its own expectations before its first message."""

    kind = "guard"


class RelayError(NotifierError):
    """The relay is unavailable; nobody's attempt is burnt by it."""

    kind = "relay"
    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        stage: Stage,
        reply: Reply | None = None,
        where: str = "",
        next_step: str = "",
    ) -> None:
        super().__init__(message, where=where, next_step=next_step)
        self.stage = stage
        self.reply = reply


class RelayUnreachable(RelayError):  # noqa: N818 - says what it is
    """No connection, no greeting in time, or the link was lost. Worth another try."""

    kind = "relay_unreachable"


class RelayRefused(RelayError):  # noqa: N818 - says what it is
    """The relay answered, and does not want our session (421, 554 at the greeting, ...)."""

    kind = "relay_refused"


class TlsError(RelayError):
    """TLS is required and not to be had, or the certificate is not to be trusted."""

    kind = "tls"


class AuthenticationError(RelayError):
    """The relay does not accept the account."""

    kind = "authentication"


class RelayProtocolError(RelayError):
    """What the relay sends is not SMTP: garbage, endless lines, replies nobody asked for."""

    kind = "relay_protocol"


class LocalProtocolError(NotifierError):
    """Our own misuse of the protocol: a bug here, never the relay's fault."""

    kind = "bug"


class LedgerError(NotifierError):
    """The ledger is unavailable: locked, disk full, damaged, or from a newer version."""

    kind = "ledger"
    exit_code = 3
