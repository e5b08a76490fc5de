"""The ledger: what was asked for, what was tried, what the relay said; nothing lost or doubled.

`ledger.Ledger` is the only writer, `writer.Writer` is its pen for asyncio (group commit on one
thread), `reports.Reader` reads. The rest is theirs:

    records.py      the nouns that go in and out
    transitions.py  which state may follow which, and nothing else
    connection.py   the file: opening, pragmas, migrations, transactions, errors in plain words
    statements.py   the SQL that only SQLite understands, all of it
    runs.py  enrolment.py  claims.py  outcomes.py  suppressions.py   the ledger's acts, by noun
    tables.py       the tables as SQLModel; what migrations are compared with
    migrations/     Alembic: how a ledger of an older version becomes one of this

Neither SQLModel nor Alembic is imported unless a ledger must be created or migrated.
"""
