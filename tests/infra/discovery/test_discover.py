"""Discovery: which jobs are found, and the error, file and line of an invalid declaration."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cronstack import DeclarationError
from cronstack_infra.discovery.discover import discover
from tests.infra.packages import JOB, Package
from tests.places import ROOT


def test_an_import_of_a_file_outside_the_package_is_refused(package: Package) -> None:
    """The file is in Python's path here, so tests pass; it is missing in Lambda."""
    (package.root / "money.py").write_text("def euros(cents): ...\n")
    (package.root / "shared").mkdir()
    (package.root / "shared" / "text.py").write_text("")
    package.write("_words.py", "def words():\n    import shared.text\n", head="")
    package.write("bills.py", "from money import euros\n" + JOB.format(name="bill"))
    message = package.refused()
    assert "functions/jobs/bills.py:3: it imports money, which is outside the package of jobs" in message
    assert "functions/jobs/_words.py:2: it imports shared" in message
    assert "functions/jobs/_money" in message


def test_a_module_that_lambda_does_not_import_may_be_anywhere(package: Package) -> None:
    (package.root / "money.py").write_text("")
    guarded = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import money\n\n"
    package.write("bills.py", guarded + f"import {package.name}._words\n" + JOB.format(name="bill"))
    package.write("_words.py", "import cronstack, json\nfrom . import bills\n", head="")
    assert [declared.name for declared in package.discover().jobs] == ["bill"]


def test_every_module_and_subpackage_is_searched(package: Package) -> None:
    package.write("one.py", JOB.format(name="zebra") + JOB.format(name="ant"))
    package.write("deep/er/two.py", JOB.format(name="cat"))
    package.write("regular/__init__.py", JOB.format(name="dog"))
    package.write("_private.py", "raise RuntimeError\n")
    package.write("_hidden/three.py", "raise RuntimeError\n")
    package.write(".four.py", "raise RuntimeError\n")
    package.write("notes.txt", "not a module")

    discovered = package.discover()

    assert [declared.name for declared in discovered.jobs] == ["ant", "cat", "dog", "zebra"]
    ant, cat, dog, _ = discovered.jobs
    assert ant.where == f"functions/{package.name}/one.py:6"
    assert cat.job.handler == f"{package.name}.deep.er.two.cat"
    assert dog.job.handler == f"{package.name}.regular.dog"
    assert [schedule.expression for schedule in ant.schedules] == ["cron(0 6 * * ? *)"]
    assert ant.schedules[0].timezone == "Europe/Berlin"
    assert discovered.notes == ()


def test_a_job_imported_elsewhere_is_not_a_second_one(package: Package) -> None:
    package.write("first.py", JOB.format(name="stats") + "alias = stats\n")
    package.write("second.py", f"from {package.name}.first import stats\nalso = stats\n")
    assert [declared.name for declared in package.discover().jobs] == ["stats"]


def test_a_job_may_have_another_name_and_any_number_of_schedules(package: Package) -> None:
    package.write(
        "stats.py",
        '@job(name="none-at-all")\ndef triggered(run: Run): ...\n'
        '@job(name="two", schedule=[rate("1 hour"), at("2026-12-24T18:00:00", timezone="UTC")])\n'
        "def several(run: Run): ...\n",
    )
    none, two = package.discover().jobs
    assert (none.name, none.schedules) == ("none-at-all", ())
    assert [schedule.expression for schedule in two.schedules] == ["rate(1 hour)", "at(2026-12-24T18:00:00)"]


def test_output_of_a_module_goes_to_stderr(package: Package, capsys: pytest.CaptureFixture[str]) -> None:
    package.write("stats.py", 'print("loud")\n' + JOB.format(name="stats"))
    package.discover()
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "loud\n")


def test_schedules_that_will_not_fire_any_more_are_notes(package: Package) -> None:
    """A past at(), end or start still deploys."""
    package.write(
        "stats.py",
        "from datetime import UTC, datetime\n"
        '@job(schedule=[at("2026-01-01T00:00:00", timezone="Europe/Berlin"), cron("0 0 * * ? 2025", timezone="UTC"),\n'
        '    cron("0 0 * * ? *", timezone="UTC", start=datetime(2025, 1, 1, tzinfo=UTC)),\n'
        '    rate("1 day", end=datetime(2025, 1, 1, tzinfo=UTC)), cron("0 1 * * ? *", timezone="UTC")])\n'
        "def stats(run: Run): ...\n",
    )
    assert package.discover().notes == ()
    notes = package.discover(now=datetime(2026, 1, 1, tzinfo=UTC)).notes
    past, over, started, ended = (note.removeprefix(f"functions/{package.name}/stats.py:4: stats: ") for note in notes)
    assert past.startswith("at(2026-01-01T00:00:00) (Europe/Berlin) is past and never fires again; remove it")
    assert over == "cron(0 0 * * ? 2025) (UTC) never fires again"
    assert started == "cron(0 0 * * ? *) (UTC) has started, at 2025-01-01 00:00 UTC: you can remove its start now"
    assert ended.startswith("rate(1 day) (UTC) is past its end and never fires again; remove it")


DAILY = 'schedule=cron("0 6 * * ? *", timezone="UTC")'

WRONG = {
    # schedules
    'schedule=cron("0 6 * * ? *")': (
        'cron(0 6 * * ? *) has no time zone; give "UTC" if you mean UTC\n'
        '  For example cron("0 6 * * ? *", timezone="Europe/Berlin").'
    ),
    'schedule=at("2026-12-24T18:00:00")': 'For example at("2026-12-24T18:00:00", timezone="Europe/Berlin").',
    'schedule=cron("0 6 * * *", timezone="Asia/Tokyo")': (
        "cron(0 6 * * *) is a five-field Unix cron; EventBridge Scheduler has six fields\n"
        '  Write cron("0 6 * * ? *", timezone="Asia/Tokyo").'
    ),
    'schedule=cron("0 6 1 * 1", timezone="UTC")': (
        'needs two schedules: cron("0 6 1 * ? *", timezone="UTC") and cron("0 6 ? * MON *", timezone="UTC").'
    ),
    'schedule=cron("@daily", timezone="UTC")': 'cron("0 0 * * ? *", timezone="UTC")',
    'schedule=cron("0 6 * * ? *", timezone="Europe/Belrin")': (
        "there is no time zone 'Europe/Belrin'\n  Did you mean Europe/Berlin"
    ),
    'schedule=cron("0 6 * * ? *", timezone=5)': "timezone=5 is an int; it must be a name",
    'schedule=cron("0 0 30 2 ? *", timezone="UTC")': "never fires: the calendar has no such day",
    'schedule=cron("61 6 * * ? *", timezone="UTC")': "61 is out of range",
    'schedule=cron(5, timezone="UTC")': "cron(5) has 1 field, not six",
    'schedule=rate("10 seconds")': 'rate("1 minute")',
    'schedule=rate("5 minutes", start=5)': "start must be a datetime, not int",
    'schedule=rate("5 minutes", end="2026-01-01")': "end must be a datetime, not str",
    'schedule="rate(5 minutes)"': (
        "schedule='rate(5 minutes)' is text; it must be a call of cron(), rate(), at() or once()\n"
        '  Write rate("5 minutes").'
    ),
    'schedule="daily"': "is text; it must be a call of",
    "schedule=once": "once needs parentheses\n  Write once().",
    'schedule=[rate, rate("1 hour")]': "schedule 1: rate needs parentheses",
    "schedule=5": "5 is an int; it must be a call of cron(), rate(), at() or once()",
    "schedule=[5]": "5 is an int; it must be a call of cron(), rate(), at() or once()",
    'schedule=[rate("1 hour"), rate("1 hours")]': "schedules 1 and 2 are the same: rate(1 hour)",
    'schedule=[rate("1 hour"), rate("1 year")]': "schedule 2: rate(1 year) is not",
    'schedule=[rate(f"{n} hours") for n in range(2, 102)]': "100 schedules; the limit is 99",
    # policies
    'overlap="buffer_two"': "overlap='buffer_two' is not valid",
    'overlap="Skip"': """overlap='Skip' is not valid; use "skip", "buffer_one" or "allow\"""",
    "overlap=[]": "overlap=[] is not valid",
    'on_missed="rerun"': """on_missed='rerun' is not valid; use "report" or "run\"""",
    "alert_after=0": "alert_after=0 is not within 1 to 100 failed runs in a row",
    "late_after=30": "late_after=30 is not within 60 to 86400 seconds",
    "overrun_after=0": "overrun_after=0 is not within 1 to 86400 seconds (a day)",
    "overrun_after=1.5": "overrun_after=1.5 is a float; it must be a number of seconds",
    "lease=60.0": "lease=60.0 is a float; it must be a number of seconds",
    "lease=9": "lease=9 is not within 10 seconds and the timeout of 60",
    "timeout=30, lease=31": "lease=31 is not within 10 seconds and the timeout of 30",
    "retries=21": "not within 0 to 20 times (the pauses grow to an hour, so the last retry comes after 15 hours)",
    "retries=-1": "retries=-1 is not within",
    "retries=True": "retries=True is a bool; it must be a whole number",
    'timeout="60"': (
        "timeout='60' is a str; it must be a whole number of seconds, 1 to 900\n"
        '  For example @job(schedule=rate("1 hour"), timeout=60).'
    ),
    "timeout=901": "timeout=901 is not within 1 to 900 seconds",
    "timeout=0": "timeout=0 is not within",
    "timeout=1.5": "timeout=1.5 is a float",
    "timeout=None": "timeout=None is a NoneType",
    "memory=127": "memory=127 is not within 128 to 10240 megabytes",
    "memory=10241": "memory=10241 is not within",
    "start_deadline=59": "start_deadline=59 is not within 60 to 86400 seconds",
    "start_deadline=86401": "start_deadline=86401 is not within",
    "schedule=once(), start_deadline=119": "once() with start_deadline=119: AWS may start a plan that is due now",
    'enabled="no"': "enabled='no' is a str; it must be True or False",
    "permanent=[ValueError, 5]": "permanent contains 5, which is not an exception class",
    # names
    'name=""': "'' is not a valid name of a job",
    'name="a.b"': "'a.b' is not a valid name of a job",
    'name="größe"': "'größe' is not a valid name of a job",
    f'name="{"x" * 65}"': "is not a valid name of a job",
    "name=5": "name=5 is an int; it must be text",
    # input and env
    "input=[1]": "@job(input=...): the input is a list, not a JSON object",
    'input={"when": object()}': "input cannot be written as JSON: Object of type object is not JSON serializable",
    'input={"ratio": float("nan")}': "input cannot be written as JSON",
    'input={"days": (1, 2)}': "the tuple (1, 2), which JSON would make a list",
    "input={1: 2}": "the key 1, which is an int",
    'input={"blob": "x" * 196_608}': "196620 bytes of JSON; the limit is 196608",
    'input={"at": "<aws.scheduler.scheduled-time>"}': 'input contains "<aws.scheduler."',
    "env=[]": "env=[] is a list",
    'env={"SHOP_DAYS": 5}': "env['SHOP_DAYS'] is an int; it must be text",
    'env={"1ST": "a"}': "env has the name '1ST'",
    'env={5: "a"}': "env has the name 5",
    'env={"AWS_REGION": "a"}': "env has the name AWS_REGION, which is reserved",
    'env={"CRONSTACK_LEDGER": "a"}': "which is reserved (CRONSTACK_,",
    'env={"SHOP_KEY": "\\0"}': "contains a NUL",
    'env={"SHOP_KEY": "a {{resolve:ssm:/x}}"}': "env['SHOP_KEY'] contains \"{{resolve:ssm:/x}}\", which Cl",
    'input={"a": ["{{resolve:secretsmanager:s:SecretString}}"]}': 'input contains "{{resolve:secretsmanager:s:SecretSt',
    'input={"{{resolve:ssm:x": 1}': 'input contains "{{resolve:ssm:x',
}


@pytest.mark.parametrize(("arguments", "words"), WRONG.items(), ids=lambda text: text[:40])
def test_an_invalid_declaration_is_refused_with_file_line_and_an_example(
    package: Package, arguments: str, words: str
) -> None:
    package.declare(arguments)
    message = package.refused()
    assert message.startswith("functions/jobs/stats.py:3: ")
    assert words in message
    assert len(message.splitlines()) == 2


def test_the_limits_of_a_declaration_are_accepted(package: Package) -> None:
    package.declare(
        f'{DAILY}, overlap="buffer_one", retries=20, lease=60, timeout=900, memory=10240, start_deadline=86400,'
        f'enabled=False, name="{"x" * 64}", input={{"list": [1, None, {{}}], "text": "é"}}, env={{"SHOP_MODE": ""}},'
        "permanent=(ValueError, KeyboardInterrupt)"
    )
    (declared,) = package.discover().jobs
    assert declared.job.timeout == 900


HANDLERS = {
    "def stats(event, context): ...": "the handler stats takes event, context; it must take exactly one argument",
    "def stats(): ...": "the handler stats takes nothing",
    "def stats(run, extra=None): ...": "exactly one argument",
    "def stats(*, run): ...": "exactly one argument",
    "def stats(*runs): ...": "exactly one argument",
    "async def stats(run): ...": "the handler stats is async",
    "async def stats(run):\n    yield": "the handler stats is async",
    "def stats(run):\n    yield": "the handler stats is a generator",
}


@pytest.mark.parametrize(("handler", "words"), HANDLERS.items(), ids=HANDLERS)
def test_a_handler_that_lambda_could_not_call(package: Package, handler: str, words: str) -> None:
    package.declare(DAILY, handler=handler + "\n")
    message = package.refused()
    assert message.startswith("functions/jobs/stats.py:3: ")
    assert words in message


def test_a_handler_that_lambda_could_not_find(package: Package) -> None:
    package.write("one.py", "def make():\n    @job()\n    def inner(run): ...\n    return inner\nmade = make()\n")
    package.write("two.py", "short = job(name='short')(lambda run: None)\n")
    package.write("three.py", "def plain(run): ...\nguarded = job()(plain)\n")
    message = package.refused()
    assert "one.py:4: the handler is make.<locals>.inner, which Lambda cannot find" in message
    assert "two.py:3: the handler is <lambda>, which Lambda cannot find" in message
    assert (
        "three.py:3: the module has the job as guarded, but its function is plain; Lambda would call plain" in message
    )


def test_two_jobs_of_one_name(package: Package) -> None:
    package.write("north.py", JOB.format(name="stats"))
    package.write("south.py", JOB.format(name="stats"))
    message = package.refused()
    assert message.startswith("functions/jobs/south.py:3: two jobs have the name 'stats'")
    assert "the other one is at functions/jobs/north.py:3" in message


def test_a_file_that_cannot_be_imported_by_its_name(package: Package) -> None:
    package.write("my-job.py", JOB.format(name="stats"))
    assert package.refused().startswith("functions/jobs/my-job.py: the file name is not a valid module name")


def test_all_errors_are_reported_together(package: Package) -> None:
    package.write("bad.py", "1 / 0\n", head="")
    package.write(
        "stats.py",
        '@job(schedule=cron("0 6 * * *"), timeout=0, retries="2")\ndef stats(run): ...\n\n'
        '@job(schedule=cron("0 6 * * ? 1066", timezone="Europe/Atlantis"))\ndef others(run): ...\n',
    )
    message = package.refused()
    assert message.startswith("7 faults in the declarations of jobs\n")
    faults = [line for line in message.splitlines() if line.startswith("functions/")]
    assert [fault.split(": ")[0].removeprefix("functions/jobs/") for fault in faults] == [
        "bad.py:1",
        *["stats.py:3"] * 4,
        *["stats.py:6"] * 2,
    ]


@pytest.mark.parametrize("name", ["missing", "no-name", "", "a/b", "../jobs"])
def test_a_package_that_is_missing(package: Package, name: str) -> None:
    with pytest.raises(DeclarationError, match="the package of jobs"):
        discover(name, package.root)


def test_another_package_of_the_same_name_is_not_used(package: Package, tmp_path: Path) -> None:
    package.write("stats.py", JOB.format(name="stats"))
    package.discover()
    other = tmp_path / "other" / "functions"
    (other / package.name).mkdir(parents=True)
    (other / package.name / "stats.py").write_text("")
    with pytest.raises(DeclarationError, match="loads another file"):
        discover(package.name, other)


def test_the_repository_itself() -> None:
    root = ROOT / "functions"
    assert discover("jobs", root).jobs
    assert {declared.name for declared in discover("examples", root).jobs} >= {"heartbeat", "daily_stats"}


def test_a_job_whose_name_is_reassigned_is_an_error(package: Package) -> None:
    package.write("one.py", JOB.format(name="stats") + JOB.format(name="other") + JOB.format(name="stats"))
    message = package.refused()
    assert message.startswith("functions/jobs/one.py:3: the job 'stats' is lost: a later line")
    assert "'other'" not in message


def test_a_job_in_a_class_is_an_error(package: Package) -> None:
    package.write("one.py", "class Shop:\n    @cronstack.job()\n    def stats(run): ...\n", head="import cronstack\n\n")
    assert "functions/jobs/one.py:4: the job 'stats' is inside the class Shop" in package.refused()


LOOP = """
for city in ("rome", "oslo"):
    if city:
        @job(name=f"fetch_{city}")
        def fetch(run: Run): ...
"""


def test_jobs_made_in_a_loop_are_an_error(package: Package) -> None:
    package.write("one.py", LOOP)
    message = package.refused()
    assert message.startswith("functions/jobs/one.py:6: the job 'fetch' is defined in a loop: each iteration replaces")
    assert "a list of schedules" in message


def test_other_functions_in_a_loop_are_ignored(package: Package) -> None:
    package.write("one.py", LOOP.replace('@job(name=f"fetch_{city}")', "@staticmethod") + JOB.format(name="stats"))
    assert [declared.name for declared in package.discover().jobs] == ["stats"]


def test_the_decorator_without_its_parentheses(package: Package) -> None:
    package.write("one.py", "@job\ndef stats(run: Run): ...\n")
    message = package.refused()
    assert message.startswith("functions/jobs/one.py:3: @job is written without parentheses")
    assert "@job(schedule=" in message


def test_a_job_under_a_condition_may_be_missing(package: Package) -> None:
    package.write("one.py", "if not Run:\n    @job()\n    def stats(run): ...\n")
    assert package.discover().jobs == ()
