"""One request to a token server (RFC 6749 section 3.2): a form goes, a JSON object comes.

Blocks: it is called from a thread. By urllib, so that the system's proxies and authorities count.
"""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from email.message import Message
    from typing import IO

#: No token and no description of an error is longer (bytes).
_LONGEST = 1_000_000


class Answer(NamedTuple):
    """What the server said."""

    #: HTTP's.
    status: int
    body: bytes


class UnreachableError(Exception):
    """No answer; its text is the system's reason. Stays within the room."""


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would take the secret somewhere else."""

    def redirect_request(  # noqa: PLR0917 - the signature is urllib's
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message[str, str],
        newurl: str,
    ) -> None:
        """Follow nothing: the caller sees the 3yz."""


def post(url: str, form: str, seconds: float) -> Answer:
    """Send the form; `url` begins with https://, or is on this computer (see `OAuthSettings`).

    `seconds`: for each step. Raises UnreachableError.
    """
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked with the settings
        url,
        data=form.encode("ascii"),
        headers={"Accept": "application/json", "User-Agent": "notifier"},
        method="POST",
    )
    opener = urllib.request.build_opener(NoRedirects)
    try:
        try:
            answer = opener.open(request, timeout=seconds)
        except urllib.error.HTTPError as exc:
            answer = exc  # an answer as any other: a refusal is told in its body
        with answer:
            return Answer(answer.status, _read(answer))
    except (OSError, http.client.HTTPException) as exc:
        _give_up(exc)


def _read(answer: Any) -> bytes:
    """The body; all of it."""
    body: bytes = answer.read(_LONGEST)
    if answer.length:  # what is still due
        raise http.client.IncompleteRead(b"", answer.length)
    return body


def _give_up(exc: BaseException) -> NoReturn:
    reason = getattr(exc, "reason", exc)
    if isinstance(reason, ssl.SSLCertVerificationError):
        text = reason.verify_message
    else:
        text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    raise UnreachableError(text) from None
