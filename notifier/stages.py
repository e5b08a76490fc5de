"""The steps of a conversation with a relay, as people say them."""

from __future__ import annotations

from notifier.locale import N_, _
from notifier.model import Stage

_WORDS: dict[Stage, str] = {
    Stage.ASSEMBLE: N_("making the message"),
    Stage.CONNECT: N_("connecting"),
    Stage.GREETING: N_("greeting"),
    Stage.EHLO: N_("introduction (EHLO)"),
    Stage.STARTTLS: N_("turning TLS on (STARTTLS)"),
    Stage.TLS: N_("agreeing on TLS"),
    Stage.AUTH: N_("signing in (AUTH)"),
    Stage.MAIL: N_("sender (MAIL)"),
    Stage.RCPT: N_("recipient (RCPT)"),
    Stage.DATA: N_("start of the message (DATA)"),
    Stage.BODY: N_("end of the message"),
    Stage.RSET: N_("starting anew (RSET)"),
    Stage.NOOP: N_("sign of life (NOOP)"),
    Stage.QUIT: N_("leaving (QUIT)"),
}


def word(stage: Stage) -> str:
    """In the reader's language."""
    return _(_WORDS[stage])
