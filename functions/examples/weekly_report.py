"""Each Monday, a page about the week before: seven days of statistics from DynamoDB, one HTML file with a chart to S3.

06:00 in New York is 11:00 UTC in winter and 10:00 UTC in summer. The week comes from ``run.scheduled``, so a backfill
can write the reports of any year. The report shows which days were not counted.
"""

import os
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cronstack import Run, cron, job

NEW_YORK = ZoneInfo("America/New_York")
HEIGHT, STEP = 160, 80
"""Pixels of the chart: the tallest bar, and the distance between two days."""


@job(schedule=cron("0 6 ? * MON *", timezone=NEW_YORK.key), timeout=60)
def weekly_report(run: Run) -> dict[str, object]:
    today = run.scheduled.astimezone(NEW_YORK).date()
    week = [today - timedelta(days=ago) for ago in range(7, 0, -1)]
    counted = read(os.environ["STATISTICS_TABLE"], week)
    key = f"weekly/{today}.html"
    write(os.environ["REPORTS_BUCKET"], key, page(week, counted))
    flights = sum(int(item["flights"]) for item in counted.values())
    run.log.info("%s: %d flights on %d days", key, flights, len(counted))
    return {"report": key, "flights": flights, "days": len(counted)}


def page(week: list[date], counted: dict[date, dict[str, Any]]) -> str:
    """Return the report: the same bytes for the same statistics. It loads no other files."""
    rows = "".join(row(day, counted.get(day)) for day in week)
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Flights, {week[0]} to {week[-1]}</title>
<style>:root {{ color-scheme: light dark; font: 16px sans-serif }} td {{ padding: 2px 12px; text-align: right }}</style>
<h1>Flights from New York, {week[0]} to {week[-1]}</h1>
{picture(week, counted)}
<table><tr><th>Day<th>Flights<th>Cancelled<th>Mean delay, minutes</tr>{rows}</table>
</html>
"""


def row(day: date, item: dict[str, Any] | None) -> str:
    if item is None:
        return f"\n<tr><td>{day:%a} {day}<td colspan=3>not counted</tr>"
    numbers = (item["flights"], item["cancelled"], item["mean_departure_delay"])
    return f"\n<tr><td>{day:%a} {day}" + "".join(f"<td>{number}" for number in numbers) + "</tr>"


def picture(week: list[date], counted: dict[date, dict[str, Any]]) -> str:
    """Return the chart: one bar per day, proportional to its flights. The red part is the cancelled flights."""
    most = max((int(item["flights"]) for item in counted.values()), default=0) or 1
    bars = ""
    for left, day in zip(range(0, 7 * STEP, STEP), week, strict=True):
        for what, colour in ("flights", "#69b"), ("cancelled", "#c33"):
            tall = int(counted[day][what]) * HEIGHT // most if day in counted else 0
            bars += f'<rect x="{left}" y="{HEIGHT - tall}" width="{STEP - 10}" height="{tall}" fill="{colour}"/>'
        bars += f'<text x="{left}" y="{HEIGHT + 18}" fill="currentColor">{day:%a}</text>\n'
    return f'<svg role="img" aria-label="Flights a day" width="{7 * STEP}" height="{HEIGHT + 24}">\n{bars}</svg>'


def read(table: str, days: list[date]) -> dict[date, dict[str, Any]]:
    """Return the statistics of the days that were counted."""
    import boto3  # Not above: "cronstack list" imports this module and needs no boto3.

    statistics = boto3.resource("dynamodb").Table(table)
    items = {day: statistics.get_item(Key={"day": day.isoformat()}).get("Item") for day in days}
    return {day: item for day, item in items.items() if item is not None}


def write(bucket: str, key: str, text: str) -> None:
    import boto3

    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="text/html; charset=utf-8")
