"""One session's signing in: which mechanism, what to say next, and what must never be repeated.

Says lines, or the error that ends the session; `protocol` sends the one and ends with the other.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from notifier.model import Reply
from notifier.smtp import commands
from notifier.smtp import sign_in_troubles as troubles
from notifier.smtp.auth import choose
from notifier.smtp.mechanism import ChallengeError, UnpreparedError
from notifier.smtp.transitions import OTHER_MECHANISM

if TYPE_CHECKING:
    from notifier.errors import AuthenticationError
    from notifier.smtp.account import Account
    from notifier.smtp.mechanism import ChannelBinding, Mechanism

#: A shorter secret is not taken out of replies: it would take letters out of words.
_SHORTEST_MASKED = 3


class Line(NamedTuple):
    """What is sent, and how a transcript shows it."""

    data: bytes
    shown: str


Said: TypeAlias = "Line | AuthenticationError"


class SignIn:
    """The exchange with one relay, over as many mechanisms as it takes."""

    __slots__ = (
        "_account",
        "_exchange",
        "_is_secure",
        "_known",
        "_offered",
        "_secrets",
        "_unread",
        "_useless",
    )

    def __init__(
        self,
        account: Account,
        offered: tuple[str, ...],
        *,
        is_secure: bool,
        binding: ChannelBinding | None = None,
    ) -> None:
        """`binding`: of the TLS connection, where it has one."""
        self._account = account
        self._offered = offered
        self._is_secure = is_secure
        binds = any(name.endswith("-PLUS") for name in offered)
        self._known = account.credentials(binding, binds=binds)
        self._exchange: Mechanism | None = None
        #: The initial response, as long as it may be that the relay has not read it.
        self._unread: str | None = None
        self._useless: set[str] = set()
        self._secrets: list[str] = []
        for secret in (account.password, account.token):
            if secret:
                self._secrets += [secret, base64.b64encode(secret.encode()).decode()]

    @property
    def mechanism(self) -> str:
        """The name of the mechanism that is in use."""
        return self._exchange.name if self._exchange is not None else ""

    def begin(self) -> Said:
        """The first line of the strongest mechanism that is left."""
        account = self._account
        objection = self._object()
        if objection is not None:
            return objection
        mechanism = choose(self._offered, account.auth, self._known, without=self._useless)
        if mechanism is None:
            return troubles.no_sign_in(account, " ".join(self._offered))
        try:
            self._exchange = mechanism(self._known)
        except UnpreparedError:
            return troubles.odd_password(account)
        return self._open(self._exchange)

    def _object(self) -> AuthenticationError | None:
        """What speaks against signing in at all."""
        account = self._account
        if not (account.password or account.token or account.has_certificate):
            return troubles.no_password(account)
        if not self._is_secure and not account.allows_insecure_auth:
            return troubles.sign_in_in_clear(account)
        if account.auth.endswith("-plus") and self._known.binding is None:
            return troubles.no_binding(account)
        return None

    def _open(self, exchange: Mechanism) -> Line:
        self._unread = initial = exchange.initial()
        line = commands.auth(exchange.name, initial)
        if initial is None:
            return Line(line, f"AUTH {exchange.name}")
        self._keep(initial)
        if len(line) > commands.LONGEST_COMMAND + len(commands.CRLF):
            return Line(commands.auth(exchange.name, None), f"AUTH {exchange.name}")
        return Line(line, f"AUTH {exchange.name} ***" if initial else f"AUTH {exchange.name} =")

    def respond(self, challenge: Reply) -> Said:
        """The answer to a 334."""
        assert self._exchange is not None
        text = challenge.text.strip()
        unread, self._unread = self._unread, None
        if unread is not None and not text:  # it is asked for now, with the command or after it
            return Line(commands.auth_response(unread), "***" if unread else "")
        try:
            response = self._exchange.respond(text)
        except ChallengeError:
            return troubles.odd_challenge(self._account)
        self._keep(response)
        return Line(commands.auth_response(response), "***" if response else "")

    def after_refusal(self, reply: Reply) -> Said:
        """Another mechanism where only this one was refused, and there is one; else the error."""
        exchange = self._exchange
        assert exchange is not None
        self._useless.add(exchange.name)
        other = choose(self._offered, self._account.auth, self._known, without=self._useless)
        is_unsupported = exchange.is_unsupported and not reply.is_transient
        if other is not None and (reply.code in OTHER_MECHANISM or is_unsupported):
            return self.begin()
        return troubles.sign_in_refused(self._account, reply, exchange.complaint)

    def doubt(self) -> AuthenticationError | None:
        """After a 235: why it is not to be believed."""
        assert self._exchange is not None
        return None if self._exchange.is_proven else troubles.unproven(self._account)

    def _keep(self, response: str) -> None:
        if response:
            self._secrets.append(response)

    def mask(self, reply: Reply) -> Reply:
        """The reply without our secrets: some relays repeat the line that they don't like."""
        is_challenge = reply.code // 100 == 3  # noqa: PLR2004 - RFC 4954: 334
        if is_challenge and self._exchange is not None and self._exchange.hides_challenges:
            return Reply(reply.code, reply.enhanced, "***" if reply.text else "")
        text = reply.text
        for secret in self._secrets:
            if len(secret) >= _SHORTEST_MASKED:
                text = text.replace(secret, "***")
        return Reply(reply.code, reply.enhanced, text)
