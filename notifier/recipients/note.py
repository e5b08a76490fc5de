"""Notes: what a person should look at although nothing was refused."""

from __future__ import annotations

from dataclasses import dataclass, field

from notifier.locale import _


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth a look in a sheet."""

    #: The row's number as people see it; 0 where the sheet as a whole is meant.
    line: int
    #: The column's header; empty where no column is meant.
    column: str
    value: str
    #: A sentence in the reader's language.
    message: str


@dataclass(slots=True)
class Notebook:
    """Notes up to a number: a sheet of 100,000 rows with one error each stays readable."""

    limit: int = 200
    notes: list[Note] = field(default_factory=list)
    dropped: int = 0

    def add(self, line: int, column: str, value: str, message: str) -> None:
        """Keep a note, or count it where there are too many already."""
        if len(self.notes) < self.limit:
            self.notes.append(Note(line, column, value, message))
        else:
            self.dropped += 1

    def close(self) -> None:
        """Say how many notes were left out."""
        if self.dropped:
            message = _("{count} more notes of these kinds are left out.")
            self.notes.append(Note(0, "", "", message.format(count=self.dropped)))
            self.dropped = 0
