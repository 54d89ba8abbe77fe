"""The layers of each package, the lowest first. A part imports only parts of lower layers.

A part is a module or a folder. A package that is not listed here has no layers. Import cycles are forbidden in all.
"""

from __future__ import annotations

from typing import Final

LAYERS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "cronstack": (
        ("errors",),
        ("defaults",),
        ("settings", "clock", "entropy"),
        ("occurrence", "payload"),
        ("timetable", "timing"),
        ("event", "run"),
        ("steps",),
        ("deployed", "ledger"),
        ("transport",),
        ("driver",),
        ("guard",),
        ("logs",),
        ("runtime",),
        ("declaration",),
        ("onetime",),
        ("deploy_check", "watchdog"),
    ),
    "cronstack.watchdog": (
        ("scene", "words"),
        ("accounts", "snapshot"),
        ("expecting", "reading", "texts"),
        ("checks",),
        ("incidents", "judging"),
        ("notifying",),
        ("watching",),
        ("handler",),
    ),
    "cronstack.timetable": (
        ("cron_fields", "zones"),
        ("local_time", "unix_cron"),
        ("expressions",),
        ("instants",),
        ("bounds",),
    ),
    "cronstack.ledger": (
        ("partitions", "rows"),
        ("items",),
        ("conditions", "listings", "statements"),
        ("audit", "open_runs", "plan_requests", "watch_rows"),
        ("claim_requests", "run_requests"),
    ),
    "cronstack.guard": (
        ("carrier", "decision"),
        ("carried", "delivery"),
        ("attempt", "deferral"),
        ("begin", "letters"),
        ("due", "slot"),
        ("claim",),
        ("protocol",),
    ),
    "cronstack.onetime": (
        ("schedules",),
        ("planner",),
        ("bulk",),
        ("once",),
    ),
    "cronstack_infra": (
        ("conformance", "lambda_image", "lock_file", "names", "plural", "progress", "switches"),
        ("ask", "ops", "project"),
        ("toolchain",),
        ("local",),
        ("demo", "play"),
        ("discovery",),
        ("aws", "testing"),
        ("cli", "scaffold"),
    ),
    "cronstack_infra.local": (
        ("clock", "environment", "events", "lock"),
        ("client", "executor"),
        ("engine",),
        ("moto",),
        ("lookups",),
        ("dynamodb", "http", "lambda_api"),
        ("refusals", "resources"),
        ("extras",),
        ("apis", "cloudformation", "effects"),
        ("drive",),
        ("patches",),
        ("cloud",),
        ("__main__",),
    ),
    "cronstack_infra.local.effects": (
        ("cached_lookups", "targets"),
        ("invoker", "rule_targets"),
        ("deliveries", "destinations", "source_polls"),
        ("runner",),
    ),
    "cronstack_infra.play": (
        ("answer_dates", "dry", "looks", "store"),
        ("prove", "quick", "simulation"),
        ("report",),
    ),
    "cronstack_infra.play.prove": (
        ("models", "workers"),
        ("log",),
        ("judges",),
        ("observer",),
        ("seeds", "walk"),
    ),
    "cronstack_infra.play.simulation": (
        ("clock", "delays", "silence"),
        ("trace",),
        ("handlers",),
        ("process",),
        ("cloud",),
        ("looking",),
        ("simulate",),
    ),
    "cronstack_infra.cli": (
        ("__main__", "errors", "options", "output", "stopping"),
        ("commands",),
    ),
}
