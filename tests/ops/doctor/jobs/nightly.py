"""Jobs of the examined stack: in a time zone, with a window, by a rate, and by application code."""

from cronstack import Run, cron, job, once, rate


@job(schedule=cron("30 2 * * ? *", timezone="Europe/Berlin"), retries=0, env={"SHOP_PASSWORD": "hunter2"})
def nightly(run: Run) -> str:
    return "done"


@job(schedule=[cron("0 9 ? * MON-FRI *", timezone="America/New_York"), cron("0 12 1 * ? *", timezone="UTC")])
def weekdays(run: Run) -> None: ...


@job(schedule=rate("30 minutes"), overlap="allow")
def sweeps(run: Run) -> None: ...


@job(schedule=once(), retries=0)
def remind(run: Run) -> None:
    raise ValueError("no mail server")
