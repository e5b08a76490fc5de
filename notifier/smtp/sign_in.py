"""One session's signing in: which mechanism, what to say next, and what must never be repeated.

Says lines, or the error that ends the session; `protocol` sends the one and ends with the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from notifier.model import Reply
from notifier.smtp import commands, troubles
from notifier.smtp.auth import ChallengeError, choose
from notifier.smtp.transitions import OTHER_MECHANISM

if TYPE_CHECKING:
    from notifier.errors import AuthenticationError
    from notifier.smtp.account import Account
    from notifier.smtp.auth import Mechanism


class Line(NamedTuple):
    """What is sent, and how a transcript shows it."""

    data: bytes
    shown: str


Said: TypeAlias = "Line | AuthenticationError"


class SignIn:
    """The exchange with one relay, over as many mechanisms as it takes."""

    __slots__ = ("_account", "_exchange", "_is_secure", "_offered", "_secrets", "_useless")

    def __init__(self, account: Account, offered: tuple[str, ...], *, is_secure: bool) -> None:
        self._account = account
        self._offered = offered
        self._is_secure = is_secure
        self._exchange: Mechanism | None = None
        self._useless: set[str] = set()
        self._secrets = [account.password] if account.password else []

    def begin(self) -> Said:
        """The first line of the strongest mechanism that is left."""
        account = self._account
        if not account.password:
            return troubles.no_password(account)
        if not self._is_secure and not account.allows_insecure_auth:
            return troubles.sign_in_in_clear(account)
        mechanism = choose(self._offered, account.auth, without=self._useless)
        if mechanism is None:
            return troubles.no_sign_in(account, " ".join(self._offered))
        self._exchange = mechanism(account.username, account.password)
        return self._open(self._exchange)

    def _open(self, exchange: Mechanism) -> Line:
        initial = exchange.initial()
        line = commands.auth(exchange.name, initial)
        if len(line) > commands.LONGEST_COMMAND + len(commands.CRLF):
            return Line(commands.auth(exchange.name, None), f"AUTH {exchange.name}")
        if initial is None:
            return Line(line, f"AUTH {exchange.name}")
        self._keep(initial)
        return Line(line, f"AUTH {exchange.name} ***")

    def respond(self, challenge: Reply) -> Said:
        """The answer to a 334."""
        assert self._exchange is not None
        try:
            response = self._exchange.respond(challenge.text.strip())
        except ChallengeError:
            return troubles.odd_challenge(self._account)
        self._keep(response)
        return Line(commands.auth_response(response), "***")

    def after_refusal(self, reply: Reply) -> Said:
        """Another mechanism where only this one was refused, and there is one; else the error."""
        assert self._exchange is not None
        self._useless.add(self._exchange.name)
        other = choose(self._offered, self._account.auth, without=self._useless)
        if reply.code in OTHER_MECHANISM and other is not None:
            return self.begin()
        return troubles.sign_in_refused(self._account, reply)

    def _keep(self, response: str) -> None:
        if response:
            self._secrets.append(response)

    def mask(self, reply: Reply) -> Reply:
        """The reply without our secrets: some relays repeat the line that they don't like."""
        if reply.code // 100 == 3:  # noqa: PLR2004 - a challenge, which must stay as it is
            return reply
        text = reply.text
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return Reply(reply.code, reply.enhanced, text)
