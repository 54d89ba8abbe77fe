"""A job on the hour that returns what its clocks show."""

import os
import random
import time
import uuid
from datetime import datetime

from cronstack import Run, cron, job


@job(schedule=cron("0 * * * ? *", timezone="UTC"), env={"GREETING": "hello"})
def hourly(run: Run) -> dict[str, object]:
    began = time.monotonic()
    time.sleep(2.5)
    return {
        "now": datetime.now().isoformat(),
        "time": time.time(),
        "slept": time.monotonic() - began,
        "chance": [random.random(), str(uuid.uuid4()), os.urandom(4).hex()],
        "greeting": os.environ["GREETING"],
        "function": os.environ["AWS_LAMBDA_FUNCTION_NAME"],
    }
