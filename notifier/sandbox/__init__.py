"""The sandbox: a mail server of our own that keeps messages instead of passing them on.

A real SMTP listener (aiosmtpd), so that what is rehearsed is what will happen: the same client,
the same bytes, the same replies. Each message becomes one file of a Maildir, which any mail program
opens. Rules make it refuse, defer, drop or delay by recipient, to rehearse trouble.

What stands in a file: three trace lines that keep the envelope (`Return-Path:`, a `Delivered-To:`
for each recipient, `X-Sandbox-Kept:`), and below them the message, byte for byte as it came.
A file appears in `new/` complete or not at all, but nothing is flushed to disk for it: after a
power cut the last messages may be gone. They are copies.

It listens where the settings say, by default on this machine only. It never sends anything, so
addresses of real people are safe with it.

Known limits: no CHUNKING, no DSN; a connection beyond `MAX_SESSIONS` is answered 421.
"""

from notifier.sandbox.events import Event
from notifier.sandbox.maildir import Kept, Maildir
from notifier.sandbox.server import Sandbox

__all__ = ["Event", "Kept", "Maildir", "Sandbox"]
