"""Strays: what waits in the ledger and nothing brings, and schedules that bring nothing, or something else.

``stray`` is one of them, ``find`` looks for all and fixes them. Each other module looks at one kind: ``plans``,
``carriers``, ``declared`` schedules, open ``runs`` and ``jobs`` that are not deployed. ``groups`` reads EventBridge
Scheduler.
"""
