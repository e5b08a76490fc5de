"""Migrations, the oldest first; run by `migrate.migrate`."""
