"""All questions, and the open points that no question can test.

The cents are the highest cost of a question by the list prices of us-east-1, rounded up to a tenth of a cent: $1 for
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
    Question("conflict", "What does CreateSchedule return for a name that is in use?", 0.2, 0.1, requests.conflict),
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
    Question("role-again", "Does a role work again after it was deleted and created again?", 6, 0.1, roles.role_again),
    Question("spread", "How long after its instant does a firing come?", 5, 0.1, firings.spread, "spread"),
    Question("early", "Does a firing come before its instant?", 0.1, 0.1, firings.early, "early"),
    Question(
        "scheduled-time",
        "Which time do events contain under a flexible window?",
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
        "Does a rate() keep its grid after an update without a change?",
        9,
        0.1,
        firings.rate_anchor,
        "rate-anchor",
    ),
    Question(
        "same-at",
        "Does an at() that has fired fire again after an update without a change?",
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
        "letter-shape",
        "What does a dead letter of Scheduler contain, and which role sends it?",
        4,
        0.1,
        roles.letter_shape,
    ),
    Question("empty-polls", "How often is a short poll empty by mistake?", 0.3, 0.1, queues.empty_polls, "empty-polls"),
    Question(
        "skewed-request",
        "What is the error of a request that is signed with a clock that is minutes off?",
        0.1,
        0.1,
        queues.skewed_request,
    ),
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
        "alias-config", "Does an alias of $LATEST have its own retries and destination?", 2, 0.1, functions.alias_config
    ),
    Question("timeout-kill", "How soon after its timeout is a function killed?", 1, 0.1, functions.timeout_kill),
)
"""Questions in the order in which they are asked: a later question may use the measurements of an earlier one."""

UNASKED: Final[dict[str, str]] = {
    **{switch.name: switch.asked for switch in SWITCHES if switch.asked.endswith(".")},
    "lost-events": "AWS may lose events, but so rarely that requests for a dollar do not show it.",
    "ttl": "When DynamoDB deletes a row after its TTL: within a few days.",
    "hot-partition": "How DynamoDB splits a hot partition: by load that costs more than a dollar.",
    "rollback": "The rollback of an update with a past StartDate: it calls UpdateSchedule, which past-start asks.",
}
"""Open points that cannot be tested, with the reasons."""


def question_of(id: str) -> Question:
    """Return the question with this id. Raise KeyError if it does not exist."""
    return {one.id: one for one in QUESTIONS}[id]
