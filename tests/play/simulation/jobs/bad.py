"""Jobs that fail: until the third attempt, by a handler that never ends, by exiting, by raising each time."""

import os
import time
import warnings

from cronstack import Run, cron, job


@job(schedule=cron("0 6 * * ? *", timezone="UTC"), retries=3)
def flaky(run: Run) -> int:
    if run.attempt < 3:
        raise ValueError(f"attempt {run.attempt}")
    return run.attempt


@job(schedule=cron("0 7 * * ? *", timezone="UTC"), retries=1, timeout=20)
def stuck(run: Run) -> None:
    while True:
        try:
            time.sleep(3600)
        except BaseException:
            continue


@job(retries=0)
def leaves(run: Run) -> None:
    """End the process of the handler, like a crash of Python, and before it that of a forked child."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of a fork of a process with threads, but the child needs none
        child = os.fork()
    if child == 0:
        os._exit(7)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(f"the child ended with {ended}")
    os._exit(3)


@job(schedule=cron("0 8 * * ? *", timezone="UTC"), retries=0)
def broken(run: Run) -> None:
    raise KeyError("nothing helps")
