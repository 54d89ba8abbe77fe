"""A deployed project played on a virtual clock in one process: see ``simulate`` and ``cloud``.

assembly    what is deployed, out of the project's app
cloud       moto, engine, ledger and handlers on one clock; ``drive`` plays it, ``hub`` is the clock
handlers    deployed code in greenlets; ``code`` loads it, ``jobs`` runs Cronstack's, ``calls`` answers AWS
simulate    a span from end to end: trace, rows, ledger, letters
"""
