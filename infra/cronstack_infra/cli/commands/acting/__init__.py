"""``cronstack trigger``, ``backfill``, ``pause`` and ``resume``: what an operator does to a job."""
