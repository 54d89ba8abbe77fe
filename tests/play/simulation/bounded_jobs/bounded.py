"""Schedules with bounds near 1 March 2027, and one with a flexible window."""

from datetime import UTC, datetime

from cronstack import Run, at, cron, job, rate


@job(schedule=cron("0 6 * * ? *", timezone="UTC", start=datetime(2027, 3, 3, tzinfo=UTC)), overlap="buffer_one")
def starting(run: Run) -> None: ...


@job(schedule=cron("0 6 * * ? *", timezone="UTC", end=datetime(2027, 3, 3, 6, tzinfo=UTC)))
def ending(run: Run) -> None: ...


@job(schedule=rate("6 hours", end=datetime(2027, 3, 2, tzinfo=UTC)))
def beating(run: Run) -> None: ...


@job(schedule=at("2027-03-02T12:30:00", timezone="Europe/Berlin"))
def launch(run: Run) -> None: ...


@job(schedule=cron("0 9 * * ? *", timezone="UTC", window=30), start_deadline=60)
def spread(run: Run) -> None: ...
