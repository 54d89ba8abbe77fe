"""``cronstack simulate --dry``: its output, its errors, and modules that it must not import."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from cronstack_infra import cli
from tests.places import ROOT

JOBS = """\
from cronstack import Run, at, cron, job, rate


@job(schedule=cron("30 2 * * ? *", timezone="Europe/Berlin"), timeout=900)
def nightly(run: Run): ...


@job(schedule=cron("*/5 * * * ? *", timezone="UTC"), timeout=600, overlap="buffer_one")
def slow(run: Run): ...


@job(schedule=rate("6 hours"))
def often(run: Run): ...


@job(schedule=cron("0 0 1 * ? *", timezone="UTC"), enabled=False)
def resting(run: Run): ...


@job()
def by_hand(run: Run): ...
"""

_numbers = itertools.count()
MARCH = ("--from", "2027-03-27", "--days", "3")


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return [" ".join(line.split()) for line in self.out.splitlines()]


Simulate = Callable[..., Done]


@pytest.fixture
def simulate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Simulate:
    """Return ``simulate("--dry", ...)`` in a project of these jobs. Each package has a unique name in this process."""
    package = f"simulated_{next(_numbers)}"
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "functions" / package / "all.py"
    file.parent.mkdir(parents=True)
    file.write_text(JOBS)
    (tmp_path / "cdk.json").write_text("{}")

    def call(*arguments: str, jobs: str | None = None) -> Done:
        if jobs is not None:
            file.write_text(jobs)
        code = cli.run(["simulate", "--jobs", package, *arguments])
        printed = capsys.readouterr()
        return Done(code, printed.out, printed.err)

    return call


def test_the_tables(simulate: Simulate) -> None:
    done = simulate("--dry", *MARCH)
    assert (done.code, done.err) == (0, "")
    assert done.lines == [
        "2027-03-27 00:00 to 2027-03-30 00:00 UTC: 3 jobs, 877 firings.",
        "Not counted, paused: resting.",
        "Not counted, run only when triggered: by_hand.",
        "Rates, counted from the beginning of the span: often.",
        "Runs last as long as the timeout of their job. To change it: --durations",
        "",
        "Due while the job still runs",
        "JOB LASTS FIRINGS WHILE IT RUNS FIRST (UTC) OVERLAP SO",
        "slow 600 s 864 863 2027-03-27 00:05 buffer_one 432 buffered, 431 skipped",
        "",
        "Crowded minutes",
        "STARTS AT (UTC) ON DAYS FIRST JOBS THEN",
        "2 00:00 2 2027-03-28 often, slow",
        "2 00:30 1 2027-03-29 nightly, slow",
        "2 01:30 1 2027-03-27 nightly, slow",
        "2 06:00 3 2027-03-27 often, slow",
        "2 12:00 3 2027-03-27 often, slow",
        "2 18:00 3 2027-03-27 often, slow",
        "",
        "Runs at once",
        "2 at most, in 41 minutes, first at 2027-03-27 01:30 UTC. "
        "Lambda's default limit is 1,000 for an account in a region, which is enough if nothing else runs there.",
        "",
        "Clock changes",
        "Europe/Berlin, Sun 2027-03-28: 02:00 CET becomes 03:00 CEST at 2027-03-28 01:00 UTC:",
        "JOB SCHEDULE WHAT HAPPENS LOCAL UTC",
        "nightly cron(30 2 * * ? *) does not fire that day 02:30 next 2027-03-29 00:30",
    ]


def test_the_same_as_json(simulate: Simulate) -> None:
    data = json.loads(simulate("--dry", *MARCH, "--json").out)
    assert (data["from"], data["until"]) == ("2027-03-27T00:00:00Z", "2027-03-30T00:00:00Z")
    assert {row["job"]: row["firings"] for row in data["jobs"]} == {"nightly": 2, "often": 11, "slow": 864}
    assert [row["counted_from"] for row in data["jobs"]] == [None, data["from"], None]
    assert data["not_counted"] == {"resting": "paused", "by_hand": "run only when triggered"}
    (overlap,) = data["overlaps"]
    assert (overlap["job"], overlap["first"]) == ("slow", "2027-03-27T00:05:00Z")
    assert (overlap["while_running"], overlap["buffered"], overlap["skipped"]) == (863, 432, 431)
    assert (data["crowded"][0]["starts"], data["crowded"][0]["jobs"]) == (2, ["often", "slow"])
    assert data["concurrency"] == [
        {
            "durations": "timeout",
            "runs": 2,
            "first": "2027-03-27T01:30:00Z",
            "minutes": 41,
            "limit": 1000,
            "minutes_beyond_limit": 0,
        }
    ]
    (change,) = data["changes"]
    (effect,) = change["jobs"]
    assert (change["zone"], change["at"]) == ("Europe/Berlin", "2027-03-28T01:00:00Z")
    assert (change["seconds_before"], change["seconds_after"]) == (3600, 7200)
    assert (effect["effect"], effect["local_times"]) == ("not at all", ["2027-03-28T02:30:00"])
    assert (effect["last_before"], effect["next"]) == ("2027-03-27T01:30:00Z", "2027-03-29T00:30:00Z")


def test_schedules_of_a_job_that_are_due_together_are_reported(simulate: Simulate) -> None:
    jobs = (
        "from cronstack import cron, job\n\n\n"
        "@job(schedule=[cron('0 6 * * ? *', timezone='UTC'), cron('0 6 ? * MON *', timezone='UTC')])\n"
        "def stats(run): ..."
    )
    done = simulate("--dry", *MARCH, jobs=jobs)
    assert done.lines[0].endswith("1 job, 3 firings.")
    together = "stats: cron(0 6 * * ? *) and cron(0 6 ? * MON *) are due together 1 time. One run serves both."
    assert together in done.lines
    (data,) = json.loads(simulate("--dry", *MARCH, "--json").out)["jobs"]
    assert data["due_together"] == 1


def test_autumn_and_one_job(simulate: Simulate) -> None:
    done = simulate("--dry", "--from", "2027-10-30T12:00+02:00", "--until", "2027-11-01", "--job", "nightly")
    assert done.lines[0] == "2027-10-30 10:00 to 2027-11-01 00:00 UTC: 1 job, 1 firing."
    assert "None: no job overlaps itself." in done.lines
    assert "None: no two jobs start in the same minute." in done.lines
    assert done.lines[-3:] == [
        "Europe/Berlin, Sun 2027-10-31: 03:00 CEST becomes 02:00 CET at 2027-10-31 01:00 UTC:",
        "JOB SCHEDULE WHAT HAPPENS LOCAL UTC",
        "nightly cron(30 2 * * ? *) fires once, at the first pass 02:30 2027-10-31 00:30, silent at 01:30",
    ]


def test_durations_from_the_command_line(simulate: Simulate) -> None:
    data = json.loads(simulate("--dry", *MARCH, "--durations", "20,slow=301", "--durations", "often=.5", "--json").out)
    assert {row["job"]: row["seconds"]["given"] for row in data["jobs"]} == {
        "nightly": 20,
        "often": 0.5,
        "slow": 301,
    }
    assert simulate("--dry", *MARCH, "--durations", "300").lines[5:7] == ["", "Due while the job still runs"]
    assert "None: no job overlaps itself." in simulate("--dry", *MARCH, "--durations", "300").lines


def test_missed_days_come_before_fewer_runs(simulate: Simulate) -> None:
    often = "@job(schedule=cron('*/20 * * * ? *', timezone='Europe/Berlin'))\ndef a_often(run): ..."
    twice = "@job(schedule=cron('30 2,5 * * ? *', timezone='Europe/Berlin'))\ndef b_twice(run): ..."
    daily = "@job(schedule=cron('30 2 * * ? *', timezone='Europe/Berlin'))\ndef c_daily(run): ..."
    done = simulate("--dry", *MARCH, jobs="\n\n\n".join(["from cronstack import cron, job", often, twice, daily]))
    assert done.lines[-3:] == [
        "c_daily cron(30 2 * * ? *) does not fire that day 02:30 next 2027-03-29 00:30",
        "b_twice cron(30 2,5 * * ? *) 1 of 2 is left out 02:30 next 2027-03-28 03:30",
        "a_often cron(*/20 * * * ? *) 3 of 72 are left out 02:00 02:20 02:40 next 2027-03-28 01:00",
    ]


def test_long_tables_are_cut_with_a_count(simulate: Simulate) -> None:
    lines = [
        "from cronstack import cron, job",
        *(
            f"@job(schedule=cron('*/10 2 * * ? *', timezone='Europe/Berlin'), timeout=900)\ndef job_{n}(run): ..."
            for n in range(25)
        ),
        *(f"@job(schedule=cron('0 6 * * ? *', timezone='Europe/Berlin'))\ndef kept_{n}(run): ..." for n in range(3)),
    ]
    done = simulate("--dry", *MARCH, jobs="\n\n\n".join(lines))
    assert done.lines.count("... and 5 more. To see them: --job J, or --json") == 2
    assert done.lines[-1] == "3 more keep their local time: 1h earlier in UTC."
    assert "25 02:00 0" not in done.out
    assert any(line.endswith("job_0, job_1, job_10, job_11 and 21 more") for line in done.lines)


def test_one_omitted_job_is_reported_in_singular(simulate: Simulate) -> None:
    job = "@job(schedule=cron('{} * * ? *', timezone='Europe/Berlin'))\ndef job_{}(run): ..."
    jobs = [job.format("0 2", n) for n in range(20)] + [job.format("0 6", 20)]
    done = simulate("--dry", *MARCH, jobs="\n\n\n".join(["from cronstack import cron, job", *jobs]))
    assert done.lines[-1] == "1 more keeps its local time: 1h earlier in UTC."


REFUSED = {
    ("--dry", "--days", "1", "--until", "2027-01-02"): "Give --days or --until, not both.",
    ("--dry", "--from", "soon"): "--from: 'soon' is not a valid time. Write 2013-01-31",
    ("--dry", "--from", "2027-01-01T00:00:30"): "--from: '2027-01-01T00:00:30' is not a whole minute.",
    ("--dry", "--from", "2027-01-02", "--until", "2027-01-02"): "--until: 2027-01-02 00:00 is not after the beginning",
    ("--dry", "--from", "2027-01-02", "--until", "2040-01-02"): "--until: the span has more than 3660 days.",
    ("--dry", "--from", "9999-12-31"): "the span ends after the year 9999.",
    ("--dry", "--from", "1970-01-01"): "the span must be within the years 1973 to 2199.",
    ("--dry", "--from", "2199-12-31"): "the span must be within the years 1973 to 2199.",
    ("--dry", "--days", "0"): "0 is not in the range 1<=x<=3660",
    ("--dry", "--job", "slwo"): "JOB: unknown job 'slwo'. Did you mean 'slow'?",
    ("--dry", "--job", "zzz"): "Known jobs: by_hand, nightly, often, resting, slow.",
    ("--dry", "--durations", "slwo=3"): "--durations: unknown job 'slwo'. Did you mean 'slow'?",
    ("--dry", "--durations", "slow=fast"): "--durations: 'fast' is not a length in seconds. Write 20, JOB=2.5, or runs",
    ("--dry", "--durations", "slow=0"): "'0' is not a length in seconds.",
    ("--dry", "--durations", "nan"): "'nan' is not a length in seconds.",
    ("--dry", "--durations", ""): "'' is not a length in seconds.",
    ("--dry", "--durations", "slow=1,slow=2"): "the same length is given twice; the second value is 2.",
    ("--dry", "--durations", "1,2"): "the same length is given twice; the second value is 2.",
    ("--dry", "--seed", "1"): "--seed cannot be used with --dry",
    ("--dry", "--switch", "early=1"): "--switch cannot be used with --dry",
    ("--dry", "--faults", "x"): "--faults cannot be used with --dry",
    ("--dry", "--out", "there"): "--out cannot be used with --dry",
    ("--durations", "3"): "--durations needs --dry",
}


@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_refused_with_one_message(arguments: tuple[str, ...], simulate: Simulate) -> None:
    done = simulate(*arguments)
    assert (done.code, done.out) == (2, "")
    message = " ".join(done.err.replace("\n", " ").split())
    assert REFUSED[arguments] in message
    assert "Traceback" not in message


def test_the_default_span_is_a_year_from_the_next_minute(simulate: Simulate) -> None:
    data = json.loads(simulate("--dry", "--json").out)
    assert data["from"].endswith(":00Z")
    assert data["until"][4:] == data["from"][4:] or data["from"][5:7] in ("01", "02"), "365 days"


def test_it_imports_neither_cloud_nor_cdk() -> None:
    loaded = (
        "import sys; from cronstack_infra import cli;"
        "code = cli.run(['simulate', '--dry', '--jobs', 'examples', '--days', '2']);"
        "heavy = {'moto', 'boto3', 'botocore', 'jsii', 'aws_cdk', 'constructs'} & set(sys.modules);"
        "sys.exit(code or str(sorted(heavy)) if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_flexible_windows_are_shown_with_the_spread(simulate: Simulate) -> None:
    job = '@job(schedule=cron("0 6 * * ? *", timezone="UTC", window=15))\ndef spread_{0}(run: Run): ...\n'
    jobs = "from cronstack import Run, cron, job\n\n\n" + "\n\n".join(job.format(number) for number in range(30))
    done = simulate("--dry", *MARCH, jobs=jobs)
    assert done.code == 0
    place = done.lines.index("Flexible windows")
    assert done.lines[place + 1] == (
        "Most starts in a minute: 30 without the windows, at 2027-03-27 06:00 UTC;"
        " 2 with them, at 2027-03-27 06:00 UTC, if Scheduler spreads them evenly."
    )
    windows = json.loads(simulate("--dry", *MARCH, "--json", jobs=jobs).out)["windows"]
    assert (windows["starts_without"], windows["starts_evenly"]) == (30, 2.0)


def test_firings_outside_start_and_end_are_not_counted(simulate: Simulate) -> None:
    jobs = (
        "from datetime import UTC, datetime\nfrom cronstack import Run, at, cron, job\n\n\n"
        '@job(schedule=cron("0 6 * * ? *", timezone="UTC", start=datetime(2027, 3, 28, tzinfo=UTC)))\n'
        "def starting(run: Run): ...\n\n\n"
        '@job(schedule=at("2026-03-28T06:00:00", timezone="UTC"))\ndef past(run: Run): ...\n'
    )
    counted = json.loads(simulate("--dry", *MARCH, "--json", jobs=jobs).out)
    assert {row["job"]: row["firings"] for row in counted["jobs"]} == {"starting": 2, "past": 0}
    assert counted["overlaps"] == []
