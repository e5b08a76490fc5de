"""The ledger's tables. Instants are Unix seconds (UTC), texts are UTF-8.

These classes say what the migrations must lead to (a test compares them); hot statements are plain
SQL in `statements.py`. The tables are STRICT. What is left out on purpose, by measurement: a CHECK
on `delivery.state` (2.5 us at each of a message's three updates; `transitions.LEGAL` is joined
in every change instead) and a foreign key on `delivery.worker_id` (1 us; it only fences).

The delivery's row is written three times in its life, so it is kept narrow: who is mailed, and the
sheet's row, are in `recipient`, which is written once.
"""

from notifier.ledger.tables import decisions, mail, relays
from notifier.ledger.tables.base import LedgerTable

__all__ = ["LedgerTable", "decisions", "mail", "relays"]
