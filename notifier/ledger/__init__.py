"""The ledger: what was asked for, what was tried, what the relay said; nothing lost or doubled.

`ledger.Ledger` is the only writer, `writer.Writer` is its pen for asyncio (group commit on one
thread), `reports.Reader` reads. The rest is theirs:

    records.py      the nouns that go in and out
    transitions.py  which state may follow which, and nothing else
    connection.py   the file: opening, pragmas, migrations, transactions, errors in plain words
    statements.py   the SQL that only SQLite understands, all of it
    runs.py  enrolment.py  claims.py  outcomes.py  suppressions.py   the ledger's acts, by noun
    traffic.py      the door to limits, connections and how relays are doing
    keeping.py      the door to what follows: keeping and forgetting
    check.py  invariants.py          is it whole; what must hold in every ledger
    backup.py  export.py  sizes.py   copies, rows for other programs, what takes the space
    purge.py  forget.py              old runs' content goes; a person's goes
    dossier.py  traces.py            what is held about a person, and where it stands in a text
    audit.py        who did what, in rows that nothing changes
    mailboxes.py    which deliveries an address has
    tables/         the tables as SQLModel; what migrations are compared with
    migrations/     Alembic: how a ledger of an older version becomes one of this

Neither SQLModel nor Alembic is imported unless a ledger must be created or migrated.
"""
