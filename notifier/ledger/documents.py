"""What a run was made from, kept with it: its campaign, templates, pictures, attachments.

    document        each content once, by its sha256, compressed
    run_document    which of them stood where when the run was made; a file that is too large to
                    keep has its digest here alone

So a message can be made again although the files were changed or deleted since. If step X fails:
documents are written in one transaction with the run that names them, before its first message is
due; begun again, what is there is kept.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from notifier.ledger import connection

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

    from notifier.ledger.connection import Store


class Document(NamedTuple):
    """A file of a run."""

    #: What it is to the run: manifest, campaign, template, attachment.
    role: str
    #: Its path from the workspace's folder, with `/`.
    name: str
    #: sha256 of its bytes, in hexadecimal digits.
    digest: str
    #: Its bytes; None: only its digest is kept.
    content: bytes | None


def document(role: str, name: str, content: bytes) -> Document:
    """A document that is kept whole."""
    return Document(role, name, hashlib.sha256(content).hexdigest(), content)


def keep(db: sqlite3.Connection, run_id: int, documents: Iterable[Document]) -> None:
    """Write them down with the run, in its caller's transaction; what it has stays as it is."""
    for it in documents:
        if it.content is not None:
            db.execute(
                "INSERT INTO document (digest, content) SELECT ?, ?"
                " WHERE NOT EXISTS (SELECT 1 FROM document WHERE digest = ?)",
                (it.digest, zlib.compress(it.content), it.digest),
            )
        db.execute(
            "INSERT INTO run_document (run_id, role, name, digest) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (run_id, role, name) DO NOTHING",
            (run_id, it.role, it.name, it.digest),
        )


class Documents:
    """The ledger's door for what runs were made from; each call is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, run_id: int, documents: Iterable[Document]) -> None:
        """Keep what the run is made from, each content once; what it has stays as it is."""
        with self._store.write() as db:
            keep(db, run_id, documents)

    def has_any(self, run_id: int) -> bool:
        """Whether anything was kept for the run."""
        with self._store.alone() as db:
            return _has_any(db, run_id)


def _has_any(db: sqlite3.Connection, run_id: int) -> bool:
    row = db.execute("SELECT 1 FROM run_document WHERE run_id = ? LIMIT 1", (run_id,)).fetchone()
    return row is not None


class Archive:
    """Reads what runs were made from. `Archive.open(path)`; a context manager that closes it."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self._path = path
        self._db = db

    @classmethod
    def open(cls, path: str | Path) -> Archive:
        """The ledger at `path`; LedgerError where there is none, or not of this version."""
        return cls(Path(path), connection.open_reader(Path(path)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    def of_run(self, run_id: int, *roles: str) -> list[Document]:
        """The run's documents of these roles, with their contents where those are kept."""
        with connection.translated(self._path):
            rows = self._db.execute(
                "SELECT r.role, r.name, r.digest, d.content FROM run_document r"
                " LEFT JOIN document d ON d.digest = r.digest"
                " WHERE r.run_id = ? AND r.role IN (SELECT value FROM json_each(?))"
                " ORDER BY r.role, r.name",
                (run_id, json.dumps(roles)),
            ).fetchall()
        return [_document(*row) for row in rows]

    def digests(self, run_id: int, role: str) -> dict[str, str]:
        """The sha256 of each of the run's documents of that role, by its name; no contents."""
        with connection.translated(self._path):
            rows = self._db.execute(
                "SELECT name, digest FROM run_document WHERE run_id = ? AND role = ? ORDER BY name",
                (run_id, role),
            ).fetchall()
        return dict(rows)

    def find(self, run_id: int, role: str, name: str) -> Document | None:
        """The run's document of that role and name; None where it has none."""
        with connection.translated(self._path):
            row = self._db.execute(
                "SELECT r.role, r.name, r.digest, d.content FROM run_document r"
                " LEFT JOIN document d ON d.digest = r.digest"
                " WHERE r.run_id = ? AND r.role = ? AND r.name = ?",
                (run_id, role, name),
            ).fetchone()
        return None if row is None else _document(*row)


def _document(role: str, name: str, digest: str, content: bytes | None) -> Document:
    return Document(role, name, digest, None if content is None else zlib.decompress(content))
