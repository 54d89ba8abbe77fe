"""All questions, and what cannot be asked.

The cents are the most that a question can cost by the list prices of us-east-1, rounded up to a tenth of a cent: $1 for
a million firings, $0.40 for a million requests of SQS, $0.20 for a million invocations, $0.0000167 for each GB-second.
"""

from __future__ import annotations

from typing import Final

from cronstack_infra.ask import firings, functions, queues, requests, roles
from cronstack_infra.ask.question import Question
from cronstack_infra.switches.table import SWITCHES

QUESTIONS: Final[tuple[Question, ...]] = (
    Question(
        "past-at", "Is an at() in the past refused, or does it fire at once?", 2, 0.1, requests.past_at, "past-at"
    ),
    Question(
        "past-start", "Is a StartDate in the past refused, also by Update?", 0.2, 0.1, requests.past_start, "past-start"
    ),
    Question("past-year", "Is a cron() of a past year refused?", 0.2, 0.1, requests.past_year),
    Question("conflict", "What does CreateSchedule answer for a name that is taken?", 0.2, 0.1, requests.conflict),
    Question(
        "stale-schedules",
        "When do GetSchedule and ListSchedules show a new schedule?",
        0.5,
        0.1,
        requests.stale_schedules,
        "stale-schedules",
    ),
    Question(
        "group-deletion",
        "How long do the schedules of a deleted group stay, and fire?",
        3,
        0.1,
        requests.group_deletion,
        "group-deletion",
    ),
    Question("role-delay", "How long can a new role not be assumed?", 1, 0.1, roles.role_delay, "role-delay"),
    Question("role-again", "Does a role that is deleted and made again work again?", 6, 0.1, roles.role_again),
    Question("spread", "How long after its instant does a firing come?", 5, 0.1, firings.spread, "spread"),
    Question("early", "Does a firing come before its instant?", 0.1, 0.1, firings.early, "early"),
    Question(
        "scheduled-time",
        "Which time do events tell under a flexible window?",
        5,
        0.1,
        firings.scheduled_time,
        "scheduled-time",
    ),
    Question(
        "rate-first-firing",
        "Does a rate() fire when it is created?",
        2,
        0.1,
        firings.rate_first_firing,
        "rate-starts-at-once",
    ),
    Question(
        "rate-anchor",
        "Does a rate() that is updated to the same keep its grid?",
        9,
        0.1,
        firings.rate_anchor,
        "rate-anchor",
    ),
    Question(
        "same-at",
        "Does an at() that has fired fire again after an update to the same?",
        4,
        0.1,
        firings.same_at,
        "same-at-fires-again",
    ),
    Question("retried-codes", "Which errors does Scheduler retry?", 4, 0.1, roles.retried_codes, "retried-codes"),
    Question(
        "delivery-retries",
        "How long does Scheduler wait before it retries a delivery?",
        5,
        0.1,
        roles.delivery_retries,
        "delivery-retry-base",
    ),
    Question(
        "letter-shape", "How does a dead letter of Scheduler look, and who has sent it?", 4, 0.1, roles.letter_shape
    ),
    Question("empty-polls", "How often is a short poll empty by mistake?", 0.3, 0.1, queues.empty_polls, "empty-polls"),
    Question("skewed-request", "How is a request refused that is signed minutes off?", 0.1, 0.1, queues.skewed_request),
    Question("date-header", "Do responses of DynamoDB have a Date header?", 0.1, 0.1, queues.date_header),
    Question(
        "retry-delays",
        "How long does Lambda wait before its two retries?",
        4,
        0.1,
        functions.retry_delays,
        "retry-delays",
    ),
    Question(
        "throttle-base",
        "How long does Lambda wait after it was throttled?",
        2,
        0.1,
        functions.throttle_base,
        "throttle-base",
    ),
    Question("clock-skew", "How far is the clock of a sandbox off?", 1, 0.2, functions.clock_skew, "clock-skew"),
    Question(
        "alias-config", "Has an alias of $LATEST its own retries and destination?", 2, 0.1, functions.alias_config
    ),
    Question("timeout-kill", "How soon after its timeout is a function killed?", 1, 0.1, functions.timeout_kill),
)
"""In the order in which they are asked: what one measures, the next may use."""

UNASKED: Final[dict[str, str]] = {
    **{one.name: one.asked for one in SWITCHES if one.asked.endswith(".")},
    "lost-events": "Events may be lost by AWS: so rarely that no number of requests within a dollar shows it.",
    "ttl": "When DynamoDB deletes a row after its TTL: within a few days.",
    "hot-partition": "How DynamoDB splits a hot partition: by load that costs more than a dollar.",
    "rollback": "The rollback of an update with a past StartDate: it calls UpdateSchedule, which past-start asks.",
}
"""What cannot be asked, and why."""


def question_of(id: str) -> Question:
    """Return the question of an id. Raise KeyError."""
    return {one.id: one for one in QUESTIONS}[id]
