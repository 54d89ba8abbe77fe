"""A deployed project played on a virtual clock in one process: see ``simulate`` and ``cloud.virtual_cloud``.

simulate    a span: ``trace``, ``delays``, ``looking`` (rows, ledger, letters), ``silence`` (some jobs only)
cloud       the parts of a cloud, their composition, its states, and calls of AWS
handlers    deployed code in greenlets: loaded, called, suspended, killed
process     replacements in this process: time, waiting, threads, files, randomness
clock       virtual time

Imports go one way: ``cloud`` → ``process`` → ``handlers`` → ``clock``.
"""
