"""The protocol of a run: claim an occurrence, run its handler, settle it; retries, takeovers, dead letters.

From an event to the ledger:

    declaration.Job.__call__     the decorated function is the Lambda handler
    runtime.Invocation           reads the event (``event``), runs ``deliver``, calls the user's function, logs one line
    guard.protocol.deliver       the protocol, as a generator: claim, run the handler, settle
    guard.due                    early: wait, or defer to the due time; too late: missed
    guard.claim.admit            rounds of: ``decision.decide``, one write, reading the items of a refused write
    guard.begin.begin            only for a key that code has planned: the write that starts its plan
    ledger.claim_requests.claim  the request that opens an attempt (``claim_without_lease`` without a lease)
    guard.protocol._settle       after the handler: succeeded, retrying or dead
    ledger.run_requests.settle   the request that closes the attempt

``delivery`` holds the state of a delivery, and its tokens. A handler that calls ``run.commit`` settles in ``attempt``.
``driver`` carries out each request that the generator yields (``steps``), using ``transport``.

Terms. A *lease* is the right to run, for a limited time; its *holder* is the id of the attempt that has it. The *fence*
is a number that grows with each lease; a write with an older fence is refused. The *margin* is how far two clocks may
differ once answers have shown the time at AWS (``timing``). The *horizon* is the age from which events are refused. A
*carrier* is a one-time schedule that brings an occurrence back; a *hop* is one such delivery. The *slot* of a lease
names the one occurrence that waits for it.
"""
