"""One event posted to a webhook: a JSON object goes, any 2yz is enough.

By urllib, so that the system's proxies and authorities count. Redirects are not followed: they
would take the secret somewhere else. Blocks, for `seconds` in all: a server that trickles its
answer is left alone with its thread.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from notifier.locale import _
from notifier.smtp.token_server import NoRedirects

if TYPE_CHECKING:
    from collections.abc import Mapping

_OK = range(200, 300)


def post(url: str, body: Mapping[str, Any], *, secret: str, seconds: float) -> str:
    """Post the body as JSON; why it was not taken, or an empty text. Never raises.

    `url` begins with https://, or is on this computer (`AlertSettings`); `secret` goes along as a
    bearer token (RFC 6750 section 2.1). Nothing of either is in the answer.
    """
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked with the settings
        url,
        data=json.dumps(body, ensure_ascii=False).encode(),
        headers={
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "notifier",
            **({"Authorization": f"Bearer {secret}"} if secret else {}),
        },
        method="POST",
    )
    said: list[str] = []
    thread = threading.Thread(
        target=lambda: said.append(_ask(request, seconds)), daemon=True, name="webhook"
    )
    thread.start()
    thread.join(seconds)
    return said[0] if said else _("it did not answer in time")


def _ask(request: urllib.request.Request, seconds: float) -> str:
    opener = urllib.request.build_opener(NoRedirects)
    try:
        with opener.open(request, timeout=seconds) as answer:
            status = answer.status
    except urllib.error.HTTPError as exc:
        with exc:
            status = exc.code
    except (OSError, http.client.HTTPException, ValueError) as exc:
        return _reason(exc)
    return "" if status in _OK else _("it answered {status}").format(status=status)


def _reason(exc: BaseException) -> str:
    """The system's reason; never the address, which may be a secret."""
    reason = getattr(exc, "reason", exc)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return reason.verify_message
    if isinstance(reason, TimeoutError):
        return _("it did not answer in time")
    return getattr(reason, "strerror", None) or type(reason).__name__
