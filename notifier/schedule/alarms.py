"""APScheduler as an alarm clock: it wakes whoever serves when the next occurrence is due.

Its jobs are kept in the ledger's file (table `apscheduler_jobs`), one for each campaign, as the
`schedule` table says; that table alone is the truth. A job is a function's name and two texts.

If step X fails, what happens to whom?

    a job's row is damaged       it is taken away, and set anew with the next look at the schedules
    somebody else serves as well both wake; the firing's row decides who starts the run
    the ledger is locked         the job stays, and is looked at again some seconds later; locked
                                 at the start, nothing rings
    the alarm never rings        whoever serves looks at the clock itself, once a second

What is read back is trusted with nothing: only the kinds of value that a job of ours is made of are
unpickled, and only `ring` is ever called.
"""

from __future__ import annotations

import contextlib
import io
import logging
import pickle
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import STATE_STOPPED
from apscheduler.triggers.date import DateTrigger
from sqlalchemy import URL, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from notifier.ledger.connection import BUSY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

#: What a job calls.
RING = "notifier.schedule.alarms:ring"
#: Seconds until a ledger that was locked is looked at again.
AGAIN = 5.0
#: What jobs of ours are made of.
_KNOWN = frozenset(
    {
        ("apscheduler.triggers.date", "DateTrigger"),
        ("datetime", "datetime"),
        ("datetime", "timedelta"),
        ("datetime", "timezone"),
        ("copyreg", "__newobj__"),
    }
)
_listeners: dict[str, Callable[[str], None]] = {}


def ring(ledger: str, campaign: str) -> None:
    """An occurrence of the campaign is due: whoever serves this ledger here is told."""
    listener = _listeners.get(ledger)
    if listener is not None:
        listener(campaign)


class Alarms:
    """Each campaign's next alarm, in the ledger at `path`; `listener` is called in a thread."""

    def __init__(self, path: Path, listener: Callable[[str], None]) -> None:
        self._ledger = str(path)
        self._listener = listener
        self._set: dict[str, float] = {}
        _silence()
        self._scheduler = _Scheduler(
            jobstores={"default": _LedgerJobs(path)},
            executors={"default": ThreadPoolExecutor(1)},
            # Never dropped for being late: whether it is too late is decided elsewhere.
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
            jobstore_retry_interval=AGAIN,
            timezone=UTC,
        )

    def start(self) -> None:
        """Ring from now on."""
        _listeners[self._ledger] = self._listener
        self._scheduler.start()

    def set_all(self, wanted: Mapping[str, float]) -> None:
        """These campaigns' next occurrences (Unix seconds), and no others, are alarms."""
        try:
            for campaign in self._set.keys() - wanted.keys():
                self._scheduler.remove_job(campaign)
                del self._set[campaign]
            for campaign, due_at in wanted.items():
                if self._set.get(campaign) != due_at:
                    self._put(campaign, due_at)
        except JobLookupError:
            self._set.clear()  # it rang, or somebody else who serves took it away: look again
        except SQLAlchemyError:
            pass  # locked: whoever serves looks at the clock itself

    def _put(self, campaign: str, due_at: float) -> None:
        self._scheduler.add_job(
            RING,
            trigger=DateTrigger(datetime.fromtimestamp(due_at, UTC)),
            args=(self._ledger, campaign),
            id=campaign,
            name=campaign,
            replace_existing=True,
        )
        self._set[campaign] = due_at

    def stop(self) -> None:
        """Ring no more; the alarms stay in the ledger."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        _listeners.pop(self._ledger, None)


class _Scheduler(BackgroundScheduler):  # type: ignore[misc]  # APScheduler 3 has no types
    """Its thread ends when it is stopped, and for nothing else."""

    def _main_loop(self) -> None:
        while self.state != STATE_STOPPED:
            # A job that is somebody else's now; or this was stopped while a job was looked at.
            with contextlib.suppress(JobLookupError):
                super()._main_loop()


class _LedgerJobs(SQLAlchemyJobStore):  # type: ignore[misc]  # APScheduler 3 has no types
    """The table of jobs in the ledger's file; trouble with it never ends the scheduler's thread."""

    def __init__(self, path: Path) -> None:
        engine = create_engine(
            URL.create("sqlite", database=str(path)),
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
        # Nothing of a job is worth a sync of its own: it is set anew from the schedules.
        event.listen(engine, "connect", _tune)
        super().__init__(engine=engine)

    def start(self, scheduler: BackgroundScheduler, alias: str) -> None:
        """Without its table, nothing rings: it was locked, or another one just made it."""
        try:
            super().start(scheduler, alias)
        except SQLAlchemyError:
            self._logger.debug("the table of alarms could not be made")

    def get_next_run_time(self) -> datetime | None:
        try:
            found: datetime | None = super().get_next_run_time()
        except SQLAlchemyError:
            return datetime.now(UTC) + timedelta(seconds=AGAIN)
        return found

    def update_job(self, job: Job) -> None:
        try:
            super().update_job(job)
        except (JobLookupError, SQLAlchemyError):
            self._logger.debug("the alarm of %s is somebody else's now", job.id)

    def remove_job(self, job_id: str) -> None:
        try:
            super().remove_job(job_id)
        except (JobLookupError, SQLAlchemyError):
            self._logger.debug("the alarm of %s is somebody else's now", job_id)

    def _reconstitute_job(self, job_state: bytes) -> Job:
        state = _Reader(io.BytesIO(job_state)).load()
        if state["func"] != RING or not all(isinstance(it, str) for it in state["args"]):
            raise ValueError(state["func"])
        state["jobstore"] = self
        job = Job.__new__(Job)
        job.__setstate__(state)
        job._scheduler = self._scheduler  # noqa: SLF001 - as the method that this one stands for
        job._jobstore_alias = self._alias  # noqa: SLF001 - the same
        return job


class _Reader(pickle.Unpickler):
    """Makes nothing but what a job of ours is made of."""

    def find_class(self, module: str, name: str) -> Any:
        """The class, where it is one of ours."""
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return super().find_class(module, name)


def _tune(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")


def _silence() -> None:
    """Whoever serves tells what people need to know; APScheduler's own words are for nobody."""
    logger = logging.getLogger("apscheduler")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
