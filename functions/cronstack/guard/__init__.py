"""The protocol of a run: claim an occurrence, work it, settle it; retries, takeovers, dead letters.

From an event to the ledger:

    declaration.Job.__call__     the decorated function is the Lambda handler
    runtime.Invocation           reads the event (``event``), runs ``deliver``, calls the user's function, logs one line
    guard.protocol.deliver       the protocol, as a generator: admit, work, settle
    guard.due                    early: wait, or come back at its time; too late: missed
    guard.claim.admit            rounds of: ``decision.decide``, one write, what the refused write says about the items
    guard.begin.begin            only a key that code has planned: the write that takes its plan from the planners
    ledger.claim_requests.claim  the request that opens an attempt (``claim_alone`` without a lease)
    guard.protocol._settle       after the handler: succeeded, retrying or dead
    ledger.run_requests.settle   the request that closes the attempt

``delivery`` holds what a delivery knows, and its tokens. A handler that calls ``run.commit`` settles in ``attempt``.
``driver`` carries out each request that the generator yields (``steps``), by way of ``transport``.

Words. A *lease* is the right to run, for a limited time; its *holder* is the id of the attempt that has it. The *fence*
is a number that grows with each lease; later writes are refused when it has grown. The *margin* is how far two clocks
may differ once the time at AWS is learnt from answers (``timing``). The *horizon* is the age from which events are
refused. A *carrier* is a one-time schedule that brings an occurrence back; a *hop* is one such way. The *slot* of a
lease names the one occurrence that waits for it.
"""
