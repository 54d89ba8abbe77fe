"""Strays: waiting work in the ledger that no schedule brings back, and schedules that bring nothing valid.

``stray`` defines a stray, ``find`` finds and fixes all of them. Each other module finds one kind: ``plans``,
``carriers``, ``declared`` schedules, open ``runs`` and ``jobs`` that are not deployed. ``groups`` reads EventBridge
Scheduler.
"""
