"""Every minute, log that all is well.

A late heartbeat is useless: one that cannot start within a minute is missed, and its dead letter raises an alarm.
"""

from cronstack import Run, cron, job


@job(schedule=cron("* * * * ? *", timezone="UTC"), start_deadline=60, retries=0, timeout=10, memory=128)
def heartbeat(run: Run) -> dict[str, str]:
    run.log.info("all is well")
    return {"minute": f"{run.scheduled:%H:%M}"}
