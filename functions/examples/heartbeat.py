"""Every minute, say that all is well.

A heartbeat that comes late is worth nothing: what could not start within a minute is missed. Its dead letter alarms.
"""

from cronstack import Run, cron, job


@job(schedule=cron("* * * * ? *", timezone="UTC"), start_deadline=60, retries=0, timeout=10, memory=128)
def heartbeat(run: Run) -> dict[str, str]:
    run.log.info("all is well")
    return {"minute": f"{run.scheduled:%H:%M}"}
