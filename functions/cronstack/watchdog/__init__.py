"""The watchdog: a job that compares what the deployed template expects with what the ledger shows.

    handler      the job, its environment and its heartbeat
    watching     one pass: read, judge, notify, store the snapshot
    reading      the requests of a pass
    snapshot     what a pass stores for the next one
    expecting    which instants are expected, from the template, Scheduler and the snapshot
    checks       one module for each family of causes: findings from what was read
    incidents    the life of an incident, from finding to all-clear
    notifying    the requests that store an incident and publish its notifications
    texts        the words of notifications

A finding is what is wrong now. An incident is a row: it stores that the finding was notified.
"""
