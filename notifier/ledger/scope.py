"""What a report is about: one run, a campaign's, those of a time, or all of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """A choice of runs; what is None doesn't narrow it. Instants are Unix seconds."""

    run_id: int | None = None
    campaign: str | None = None
    #: A run belongs to the time in which it began to be sent, or was made where it didn't yet.
    since: float | None = None
    #: Runs from this instant on are left out.
    until: float | None = None

    def of_runs(self) -> tuple[str, list[object]]:
        """SQL's condition on `run r`, and its values in order."""
        when = "coalesce(r.started_at, r.created_at)"
        pairs = (
            ("r.id = ?", self.run_id),
            ("r.campaign = ?", self.campaign),
            (f"{when} >= ?", self.since),
            (f"{when} < ?", self.until),
        )
        chosen = [(text, value) for text, value in pairs if value is not None]
        return " AND ".join(text for text, _value in chosen) or "1", [it for _t, it in chosen]


EVERYTHING = Scope()
