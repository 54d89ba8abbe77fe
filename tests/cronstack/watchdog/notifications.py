"""Write all notifications into ``notifications.txt``: ``python -m tests.cronstack.watchdog.notifications``.

Read the file after each change of a text. A test compares it with what the subscriber of a topic receives.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.cronstack.watchdog.place import DAY, Notice, Place, at
from tests.cronstack.watchdog.scenarios import SCENARIOS, Scenario, begin, find, solve

FILE = Path(__file__).with_name("notifications.txt")


def shown(scenario: Scenario) -> str:
    """Return the notifications of one scenario: the alert, a reminder of the first one, and the all-clear."""
    from moto import mock_aws

    with mock_aws():
        place = Place(at("2026-11-30 05:00"))
        begin(place)
        find(place, scenario)
        notices = [notice for notice in place.notices() if notice.attributes["cause"] == scenario.cause]
        if scenario.cause == "missed":
            place.now += DAY
            place.look()
            notices += [notice for notice in place.notices() if notice.attributes["kind"] == "reminder"]
        solve(place, scenario)
        notices += [notice for notice in place.notices() if notice.attributes["cause"] == scenario.cause]
    return "\n".join(map(_page, notices))


def _page(notice: Notice) -> str:
    attributes = ", ".join(f"{name}={value}" for name, value in sorted(notice.attributes.items()))
    return f"{'=' * 100}\nSubject: {notice.subject}\nAttributes: {attributes}\n\n{notice.body}"


def text() -> str:
    """Return the content of the file."""
    return "\n".join(map(shown, SCENARIOS))


if __name__ == "__main__":
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    FILE.write_text(text())
    print(f"{FILE}: {len(SCENARIOS)} causes")
