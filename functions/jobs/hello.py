"""Example job: log a greeting every minute. Change it, or add files to this folder; each file may contain jobs."""

from cronstack import Run, cron, job


@job(schedule=cron("* * * * ? *", timezone="UTC"), input={"name": "world"}, timeout=30)
def hello(run: Run) -> dict[str, str]:
    greeting = f"Hello {run.input['name']}, it is {run.scheduled:%H:%M} UTC"
    run.log.info(greeting)
    return {"greeting": greeting}
