"""The access token of one relay account: fetched when needed, kept while it is good, shared.

All connections of a pool share one keeper. One token is fetched at a time, in a thread, so that
messages on other connections go on; whoever needs it meanwhile waits for the same one.

If step X fails, what happens?

    the token server can't be reached   RelayUnreachable: tried again as a relay that is down; a
                                        token that still has some time left is used meanwhile
    the token server says no            AuthenticationError, with what is to be done about it
    the relay refuses a kept token      it may have been withdrawn: a new one is fetched, once
    the relay refuses a new token       AuthenticationError, and it says so
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from notifier.errors import AuthenticationError, RelayUnreachable
from notifier.smtp import oauth_troubles as troubles
from notifier.smtp.oauth_grants import grant_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from notifier.settings import RelaySettings
    from notifier.smtp.account import Account
    from notifier.smtp.oauth_grants import Token

T = TypeVar("T")

#: A token is not used in its last seconds: signing in takes some, and clocks differ.
MARGIN = 300.0
#: ... nor in the last part of a short life.
_MARGIN_PART = 0.2
#: Seconds for a token to be there, whatever the server does.
_PATIENCE = 90.0


@dataclass(frozen=True, slots=True)
class _Held:
    """A token, and until when it is used and good, on the keeper's clock."""

    value: str = field(repr=False)
    use_until: float
    good_until: float


class TokenKeeper:
    """See the head of the file."""

    def __init__(
        self,
        account: Account,
        fetch: Callable[[], Token],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`fetch` may block, and raises RelayErrors."""
        self._account = account
        self._fetch = fetch
        self._clock = clock
        self._held: _Held | None = None
        self._fetching: asyncio.Task[str] | None = None

    def __repr__(self) -> str:
        return f"<TokenKeeper {self._account.name}: {'holds one' if self._held else 'empty'}>"

    @classmethod
    def of(cls, relay: RelaySettings, account: Account) -> TokenKeeper | None:
        """The keeper for `[relays.NAME.oauth]`; None where there is no such table."""
        return cls(account, grant_of(relay, account)) if relay.oauth is not None else None

    async def spend(self, attempt: Callable[[str], Awaitable[T]]) -> T:
        """Do with a token what wants one; once more with a new one if a kept one is refused."""
        token = self._kept()
        if token is not None:
            try:
                return await attempt(token)
            except AuthenticationError as exc:
                if not _is_refusal(exc):
                    raise
            self._drop(token)
        try:
            return await attempt(await self._new())
        except AuthenticationError as exc:
            if not _is_refusal(exc):
                raise
            raise troubles.spent(exc) from None

    def _kept(self) -> str | None:
        held = self._held
        return held.value if held is not None and self._clock() < held.use_until else None

    def _drop(self, token: str) -> None:
        if self._held is not None and self._held.value == token:
            self._held = None

    async def _new(self) -> str:
        """The token that is being fetched, or that somebody fetched in the meantime."""
        token = self._kept()
        if token is not None:
            return token
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._renew())
            self._fetching.add_done_callback(self._fetched)
        return await asyncio.shield(self._fetching)

    def _fetched(self, task: asyncio.Task[str]) -> None:
        self._fetching = None
        if not task.cancelled():
            task.exception()  # it may be that nobody waits for it any more

    async def _renew(self) -> str:
        try:
            async with asyncio.timeout(_PATIENCE):
                token = await _aside(self._fetch)
        except TimeoutError:
            trouble = troubles.unreachable(self._account, "oauth", f"> {_PATIENCE:g} s")
            return self._make_do(trouble)
        except RelayUnreachable as exc:
            return self._make_do(exc)
        margin = min(MARGIN, token.seconds * _MARGIN_PART)
        now = self._clock()
        self._held = _Held(token.value, now + token.seconds - margin, now + token.seconds)
        return token.value

    def _make_do(self, trouble: RelayUnreachable) -> str:
        """The old token, while it is good; else the trouble."""
        held = self._held
        if held is None or self._clock() >= held.good_until:
            raise trouble
        return held.value


def _is_refusal(error: AuthenticationError) -> bool:
    """Whether the relay itself said a final no."""
    return error.reply is not None and not error.reply.is_transient


async def _aside(work: Callable[[], T]) -> T:
    """The work's result, from a thread that nothing waits for when the program ends.

    (The loop's own threads are waited for, so that Ctrl-C would take as long as a dead server.)
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def report(
        settle: Callable[[T], None] | Callable[[BaseException], None], value: object
    ) -> None:
        if not future.done():
            settle(value)  # type: ignore[arg-type]  # the two go together

    def run() -> None:
        try:
            settle, value = future.set_result, context.run(work)
        except BaseException as exc:  # noqa: BLE001 - it is raised where it is waited for
            settle, value = future.set_exception, exc  # type: ignore[assignment]
        if not loop.is_closed():
            loop.call_soon_threadsafe(report, settle, value)

    threading.Thread(target=run, name="access token", daemon=True).start()
    return await future
