"""A first job: every minute it logs a greeting. Change it, or add a file: every file in this folder may have jobs."""

from cronstack import Run, cron, job


@job(schedule=cron("* * * * ? *", timezone="UTC"), input={"name": "world"}, timeout=30)
def hello(run: Run) -> dict[str, str]:
    greeting = f"Hello {run.input['name']}, it is {run.scheduled:%H:%M} UTC"
    run.log.info(greeting)
    return {"greeting": greeting}
