"""The life of an incident: by all sequences of findings, and with the watchdog killed at every request."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronstack.ledger.watch_rows import IncidentItem
from cronstack.watchdog.incidents import REMIND_AFTER, next_step
from cronstack.watchdog.scene import DAY, MINUTE, Finding
from tests.cronstack.watchdog.place import Place
from tests.cronstack.watchdog.scenarios import JOB, SCENARIOS, begin, find

FINDING = Finding("stats", "failed", 1, {}, "KeyError")
OTHER = FINDING._replace(fingerprint="ValueError")


class Outbox:
    """The row of one incident, and what was published."""

    def __init__(self) -> None:
        self.row: IncidentItem | None = None
        self.now = DAY
        self.published: list[tuple[str, str]] = []
        self._ids = map(str, itertools.count(1))

    def settle(self, finding: Finding | None, *, judged: bool = True, kill: int = 99, superseded: bool = False) -> None:
        """Carry out one pass. ``kill``: the number of steps, publish or write, after which the process is killed."""
        for _ in range(20):
            step = next_step(
                self.row, finding, judged=judged, superseded=superseded, now=self.now, ulid=lambda: next(self._ids)
            )
            if step is None:
                return
            if step.publish:
                kill -= 1
                if kill < 0:
                    return
                assert self.row is not None
                self.published.append((step.publish, self.row.id))
            kill -= 1
            if kill < 0:
                return
            self.row = step.item._replace(revision=step.item.revision + 1)
        pytest.fail("the steps do not end")


moves = st.lists(
    st.tuples(
        st.sampled_from([None, FINDING, OTHER]),
        st.booleans(),
        st.integers(0, 6),
        st.sampled_from([5 * MINUTE, 13 * 60 * MINUTE, REMIND_AFTER]),
    ),
    max_size=14,
)


@given(moves)
def test_any_history_notifies_each_incident_once_for_each_step(
    history: list[tuple[Finding | None, bool, int, int]],
) -> None:
    box = Outbox()
    kills = 0
    for finding, judged, kill, pause in history:
        box.settle(finding, judged=judged, kill=kill)
        kills += kill < 6
        box.now += pause
    box.settle(None)
    box.settle(None)
    assert box.row is None or (box.row.status, box.row.pending) == ("cleared", "")
    counts = Counter(box.published)
    ids = {id for _, id in box.published}
    assert all(counts["alert", id] >= 1 for id in ids), "no reminder or all-clear without its alert"
    repeats = sum(count - 1 for (kind, _), count in counts.items() if kind != "reminder")
    assert repeats <= kills
    for id in ids:
        kinds = [kind for kind, of in box.published if of == id]
        assert kinds == sorted(kinds, key=("alert", "reminder", "clear").index), "in this order"


@given(st.integers(0, 6))
def test_a_kill_between_publish_and_record_repeats_once_with_the_same_id(kill: int) -> None:
    box = Outbox()
    box.settle(FINDING, kill=kill)
    box.settle(FINDING)
    assert set(box.published) == {("alert", box.row.id)} if box.row else not box.published
    assert 1 <= len(box.published) <= 2


def test_a_reminder_comes_after_a_day_unless_acknowledged() -> None:
    box = Outbox()
    box.settle(FINDING)
    box.now += REMIND_AFTER - 1
    box.settle(FINDING)
    assert box.published == [("alert", "1")]
    box.now += 1
    box.settle(FINDING)
    assert box.published == [("alert", "1"), ("reminder", "1")]
    assert box.row is not None
    box.row = box.row._replace(acked=box.now, revision=box.row.revision + 1)
    box.now += 10 * REMIND_AFTER
    box.settle(FINDING)
    assert len(box.published) == 2
    box.settle(OTHER)
    assert box.published[2:] == [("alert", "2")]
    assert box.row.acked == 0, "the acknowledgement was for another problem"


def test_what_was_not_judged_stays_open() -> None:
    box = Outbox()
    box.settle(FINDING)
    box.settle(None, judged=False)
    assert box.row is not None
    assert box.row.status == "open"


def test_a_superseded_incident_ends_without_a_notification() -> None:
    box = Outbox()
    box.settle(FINDING)
    box.settle(None, superseded=True)
    assert box.published == [("alert", "1")]
    assert box.row is not None
    assert (box.row.status, box.row.pending) == ("cleared", "")


# -- on the services ---------------------------------------------------------------------------------------------------
MISSED = SCENARIOS[0]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_kill_at_every_request_loses_no_alert(place: Place, part: int, *, after: bool) -> None:
    """Each third of the requests of the pass that alerts: killed there, the next pass alerts, with the same id."""
    begin(place)
    MISSED.plant(place)
    place.now += MISSED.wait
    for request in range(1 + part, 25, 3):
        with place.killed_at(request, after=after):
            place.look()
        first = place.notices()
        place.look()
        second = place.notices()
        alerts = [notice for notice in (*first, *second) if notice.line == f"alert {JOB} missed"]
        assert 1 <= len(alerts) <= 2
        assert len({notice.attributes["incident"] for notice in alerts}) == 1
        place.forget()
        place.now -= MISSED.wait + 10 * MINUTE  # before the due time
        place.look()
        place.now += MISSED.wait + 10 * MINUTE


def test_two_passes_at_once_alert_once(place: Place) -> None:
    begin(place)
    MISSED.plant(place)
    place.now += MISSED.wait
    inner: list[str] = []

    def other_pass() -> None:
        place.look()
        inner.extend(place.lines())

    place.at_request("dynamodb update_item", other_pass)
    place.look()
    assert [*inner, *place.lines()] == [f"alert {JOB} missed"]


def test_a_failing_topic_fails_the_pass_and_delays_the_alert(place: Place) -> None:
    begin(place)
    topic, place.scene = place.scene.topic, place.scene._replace(topic=place.topic + "-deleted")
    MISSED.plant(place)
    place.now += MISSED.wait
    with pytest.raises(Exception, match="NotFound"):
        place.look()
    assert place.incidents() == [f"{JOB} missed"]
    place.scene = place.scene._replace(topic=topic)
    place.now += 5 * MINUTE
    place.look()
    assert place.lines() == [f"alert {JOB} missed"]


def test_a_late_incident_ends_silently_when_it_is_missed(place: Place) -> None:
    begin(place)
    find(place, SCENARIOS[1])
    place.now += MISSED.wait
    place.look()
    assert place.lines() == [f"alert {JOB} late", f"alert {JOB} missed"]
    assert place.incidents() == [f"{JOB} missed"]
