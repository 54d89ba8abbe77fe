"""The proof of the guard: its real code, interleaved at every request, under faults, against its invariants.

A seed is a world of its own: one job, a few occurrences, a fault mix, and hosts whose clocks are off by up to ten
minutes (``models.clocks``). Only the dates of answers tell the time. Lambda delivers an event again twice after a raise
or a crash, and then puts its own failure record among the dead letters. Scheduler brings carriers at least once, up to
a minute late. Events come early, up to an hour, and the ledger answers nothing for minutes or hours. Operators act,
too. A sandbox runs ``cronstack.runtime.Invocation``, the code that runs in Lambda, stopped before each request, those
of its handler included. In one of four seeds application code plans: it schedules keys, moves and cancels them, plans
them anew, asks again after a crash, and sweeps, with several calls at once on one key. In some of these seeds an
intruder has the same rights. These calls are the generators of ``onetime.planner``, stopped in the same way and under
the same faults. Scheduler may fire a schedule that was deleted in its last seconds. Half of the seeds read AWS harshly
(``models.switches``): they draw what AWS leaves open, and outages of a deploy, after which operators repair.
``play.store`` carries out the requests. An observer notes each committed write, each handler's beginning and end, each
schedule, each letter, and what calls return. On these notes, not on what the ledger says of itself, judges check these
invariants after each step (``judges.table`` says which judge checks which). They know the true time, and judge by it,
whatever the clocks of the hosts say:

    I1   An occurrence succeeds at most once, and what is final is not overwritten.
    I2   An occurrence that succeeded is not claimed again.
    I3   One holder: a lease is taken from its holder only when it is past.
         Fences strictly increase.
    I3b  A run is running exactly while the lease points to it.                                 (not for "allow")
    I4   Only the holder settles its attempt, keeps a checkpoint, renews or releases the lease. The next attempt is
         given the last checkpoint.
    I5   What a handler commits is written once, with its success, else not at all.
    I6   What an attempt believes is what is stored: its fence, its number, its lease's end. No handler without a claim,
         nor with a lease that ends before Lambda ends the invocation. (Not for a lease that the handler renews.)
    I7   Handlers of a job never overlap; with "allow", those of one occurrence. Judged where handlers stop at the
         deadline.
    I8   An event is acknowledged only if its occurrence is final, or a carrier for it is on its way, or it was refused
         with a letter. A carrier brings the event it was made for.
    I9   When faults stop, everything becomes final in bounded time and without help. Only what Lambda or Scheduler
         gave up lies among the dead letters, and one redrive by operators ends it. Judged in each seed.
    I10  An own claim, or an own settlement, whose answer was lost is recognised. A refusal that passes costs no
         delivery: while time is left the request is sent again, with another time where Scheduler refuses one. What the
         ledger does not answer before the claim is carried, and not left to Lambda. No invocation waits for an answer
         until its deadline. None gives up for lack of time because a clock lets its context say 0.
    I11  The attempt's number is the number of committed claims. The handler gets every attempt that was declared, and
         none more; none before its time, which is the back-off or what the handler has asked for. It runs in each one
         that has the time for it. After a killed attempt the handler begins only when something brings the one after
         it, or Scheduler does not answer. Only a claim before the due time, by a clock that is ahead, may be given
         back: it does not count.
    I12  What is skipped or missed never started; it met a holder, or was late. What is skipped never will. What was
         missed starts only by a redrive, or by a later plan of its key. Nothing starts late, but for what a clock is
         behind.
    I13  At most one occurrence is buffered, and the slot names it. A delivery that makes way for it leaves something
         behind that brings it.
    I14  Requests, by how a delivery ends (see ``costs``), where none meets a fault.
    I15  Without crash, expiry, failure or give-up even an effect without a fence happens once.
    I16  What is dead or missed has a dead letter; exactly one where no answer was lost and nothing crashed. One
         invocation at a time may send it, and none once it is noted as sent. Each death and miss has an id of its own.
    I17  Every redrive that acts was asked for, and none that was accepted is lost.

    I22  Fair: no occurrence starts for the first time while another one of the job is buffered, an operator's included.
         An occurrence in the slot has one pending carrier of a kind, whatever the number of deliveries and newcomers.
         (Carriers: judged where their makers know the time, were not frozen, and had an answer of Scheduler each time,
         and where no clock is set in the middle of an invocation.)

    I23  Never early: no handler begins more than the margin before its occurrence is due, unless an operator asks; then
         it waits for nothing. Nor is it skipped, missed or buffered before.

    I24  Reported: when faults stop, what has ended without success has a dead letter, unless it was skipped by policy,
         cancelled, or missed and planned anew.

    I18  What has returned as planned, moved or unchanged, and was not moved or cancelled since, begins, unless it is
         missed. No sweep is needed: at each moment something brings it, also where a later mover dies. No call returns
         what was not true at some moment since it began.
    I19  After a cancel has returned "cancelled" nothing begins, until the key is planned anew on purpose. What was
         missed is planned anew by a replace or a move, and begun again by a redrive. Only what has begun is too late
         (for a move: or was cancelled; for a cancel: or was missed). What has begun is neither moved nor cancelled, and
         a call that has returned changes nothing any more. The run of a key is created only after its plan was begun; a
         plan that was begun has a run in the end (I9), whatever dies between the two writes.
    I20  A key begins by one revision: the event of an older one never begins or misses the plan, nor opens an attempt;
         so after a move has returned nothing begins at the old time. Revisions grow.
    I21  No schedule without its row. When everything is at rest nothing is left in Scheduler. A sweep makes the
         schedule of a plan whose call has crashed, and the plan ends; none is forgotten before its time, nor before
         its run.

    I25  A deploy loses nothing that waits: when roles, functions, queues or groups were missing for a while, and
         operators have repaired what their schedules left, each occurrence that has a plan or a row becomes final.

    I26  No side door: code that may only plan, which writes anything into plans and sends anything by their alias,
         changes no run but by the event of a plan. What came by the alias touches only plans and runs of keys. All
         attempts of a key are by one event. No run depends on its plan any more: none is lost, none is worked twice,
         until the ledger has forgotten it.

Each key that code has planned is an occurrence without a lease, as with "allow", and I1 to I17 hold for it, too. I8: an
event of an older revision may be acknowledged when the newer plan comes. A key whose plan the intruder has written is
judged by I18 to I21 no more, and by the others from the moment when it has a run. A seed in which the lease is deleted
by hand is judged by I1, I2, I5, I8, I9, I12, I18 to I21 and I26 only, and by I7 for each occurrence alone. ``walk``
uses the same judges but leaves nothing to chance: it takes every order of requests in a small space.
"""
