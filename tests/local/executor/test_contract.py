"""One contract for both runtime loops: awslambdaric, and our own loop for systems that have no wheel of it.

Both run here, each in a new process, and must return the same results.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.executor.bench import Bench, bench, function

CASES: dict[str, tuple[str, Any]] = {
    "a result": ("def handler(e, c): return {'got': e}", {"x": [1, 2.5, None, "é"]}),
    "text beyond ASCII": ("def handler(e, c): return 'é\\u2028'", {}),
    "nothing": ("def handler(e, c): pass", {}),
    "bytes": ("def handler(e, c): return b'[1, 2]'", {}),
    "decimals": ("from decimal import Decimal\ndef handler(e, c): return [Decimal('1.5'), Decimal(7)]", {}),
    "not a number": ("def handler(e, c): return float('nan')", {}),
    "a raise": ("def handler(e, c): raise KeyError('no')", {}),
    "a raise without text": ("def handler(e, c): raise ValueError", {}),
    "a set": ("def handler(e, c): return {1}", {}),
    "a date": ("import datetime\ndef handler(e, c): return datetime.date(2026, 1, 1)", {}),
    "a missing module": ("import missing\ndef handler(e, c): pass", {}),
    "a syntax error": ("def handler(e, c) pass", {}),
    "no handler": ("x = 1", {}),
    "a raise at import": ("1 / 0", {}),
    "an exit": ("import sys\ndef handler(e, c): sys.exit(4)", {}),
    "an exit at import": ("import sys\nsys.exit(0)", {}),
    "a hard exit": ("import os\ndef handler(e, c): os._exit(9)", {}),
    "an interrupt": ("def handler(e, c): raise KeyboardInterrupt", {}),
    "the context": (
        "def handler(e, c): return [c.function_name, c.function_version, c.memory_limit_in_mb, c.client_context,"
        " c.invoked_function_arn, c.log_group_name, 9000 < c.get_remaining_time_in_millis() <= 10000, c.tenant_id]",
        {},
    ),
    "a trace id": ("import os\ndef handler(e, c): return os.environ['_X_AMZN_TRACE_ID'][:7]", {}),
    "a warm module": ("n = 0\ndef handler(e, c):\n    global n\n    n += 1\n    return n", {}),
    "the arguments": ("import sys\ndef handler(e, c): return [sys.argv[1:], sys.path[0] == __file__[:-7]]", {}),
}


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Bench, Bench]]:
    with bench(own_loop=False) as awslambdaric, bench(own_loop=True) as own:
        yield awslambdaric, own


def results(runs: Bench, source: str, event: Any, name: str) -> Any:
    job = function(source, name=re.sub(r"\W", "-", name))
    outcomes = [runs.run(job, event) for _ in range(2)]
    return [comparable(outcome) for outcome in outcomes]


def comparable(outcome: Any) -> Any:
    """Return an outcome without the parts that differ between invocations: request ids and folders."""
    text = re.sub(r"00000000-0000-0000-0000-\d{12}", "ID", outcome.payload.decode())
    text = re.sub(r'\\"[^"]*/app\.py\\"', "FILE", re.sub(r"\(app\.py, line", "(FILE, line", text))
    payload = json.loads(text)
    if isinstance(payload, dict) and "stackTrace" in payload:
        payload["stackTrace"] = [line for line in payload["stackTrace"] if "app.py" in line or "FILE" in line]
    return outcome.ok, outcome.error, repr(payload)


@pytest.mark.parametrize("name", CASES)
def test_both_loops_give_the_same_results(both: tuple[Bench, Bench], name: str) -> None:
    source, event = CASES[name]
    awslambdaric, own = both
    assert results(own, source, event, name) == results(awslambdaric, source, event, name)
