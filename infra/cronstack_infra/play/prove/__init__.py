"""The proof of the guard: its real code, interleaved at every request, under faults, checked against its invariants.

A seed is a world of its own: one job, a few occurrences, a fault mix, and hosts whose clocks are off by up to ten
minutes (``models.clocks``). Only the dates of answers are reliable times. Lambda delivers an event again twice after a
raise or a crash, and then puts its own failure record among the dead letters. Scheduler delivers carriers at least
once, up to a minute late. Events come early, up to an hour. The ledger does not answer for minutes or hours. Operators
act, too. A sandbox runs ``cronstack.runtime.Invocation``, the code that runs in Lambda. It is stopped before each
request, those of its handler included.

In one of four seeds application code plans. It schedules, moves and cancels keys, plans them again, repeats a call
after a crash, and sweeps, with several calls at once on one key. In some of these seeds an intruder has the same
rights. These calls are the generators of ``onetime.planner``, stopped in the same way and under the same faults.
Scheduler may fire a schedule that was deleted in its last seconds. Half of the seeds read AWS harshly
(``models.switches``): they draw what AWS leaves open, and outages of a deploy, after which operators repair.

``play.store`` carries out the requests. An observer records each committed write, each handler's start and end, each
schedule, each letter, and what calls return. On these records, not on the ledger's own statements, judges check the
invariants below after each step (``judges.table`` maps each invariant to its judge). The judges use the true time:

    I1   An occurrence succeeds at most once, and what is final is not overwritten.
    I2   An occurrence that succeeded is not claimed again.
    I3   One holder: a lease is taken from its holder only after its end.
         Fences strictly increase.
    I3b  A run is running exactly while the lease points to it.                                 (not for "allow")
    I4   Only the holder settles its attempt, keeps a checkpoint, renews or releases the lease. The next attempt gets
         the last checkpoint.
    I5   What a handler commits is written once, together with its success, or not at all.
    I6   An attempt's own values are the stored ones: its fence, its number, its lease's end. No handler runs without a
         claim, or with a lease that ends before Lambda ends the invocation. (Not for a lease that the handler renews.)
    I7   Handlers of a job never overlap; with "allow", those of one occurrence. Judged where handlers stop at the
         deadline.
    I8   An event is acknowledged only if its occurrence is final, or a carrier for it is on its way, or it was refused
         with a letter. A carrier delivers the event for which it was made.
    I9   When faults stop, everything becomes final in bounded time and without help. Only what Lambda or Scheduler
         gave up is among the dead letters, and one redrive by operators ends it. Judged in each seed.
    I10  An invocation recognises its own claim or settlement whose answer was lost. A refusal that passes costs no
         delivery: while time is left the request is sent again, with another time where Scheduler refuses one. If the
         ledger does not answer before the claim, a carrier brings the event back; it is not left to Lambda. No
         invocation waits for an answer until its deadline. None gives up for lack of time because a wrong clock makes
         its context return 0.
    I11  The attempt's number is the number of committed claims. The handler gets exactly the declared number of
         attempts. None starts before its time, which is the back-off or what the handler has requested. The handler
         runs in each attempt that has the time for it. After a killed attempt it starts only if a later event exists
         that brings the next attempt, or if Scheduler does not answer. Only a claim before the due time, by a clock
         that is ahead, may be given back: it does not count.
    I12  What is skipped or missed never started: another attempt held the lease, or it was late. A skipped occurrence
         never starts. A missed one starts only by a redrive, or by a later plan of its key. Nothing starts later than
         the deadline plus the time by which a clock is behind.
    I13  At most one occurrence is buffered, and the slot names it. A delivery that makes way for it leaves an event
         behind that brings it.
    I14  The requests of a delivery match the way it ends (see ``costs``), where none of them meets a fault.
    I15  Without crash, expiry, failure or give-up even an effect without a fence happens once.
    I16  What is dead or missed has a dead letter; exactly one where no answer was lost and nothing crashed. One
         invocation at a time may send it, and none after it is noted as sent. Each death and miss has its own id.
    I17  Every redrive that acts was requested, and no accepted redrive is lost.

    I22  Fair: no occurrence starts for the first time while another one of the job is buffered, an operator's included.
         An occurrence in the slot has one pending carrier of a kind, whatever the number of deliveries and newcomers.
         (Carriers: judged where their makers know the time, were not frozen, and had an answer of Scheduler each time,
         and where no clock is set in the middle of an invocation.)

    I23  Never early: no handler starts more than the margin before its occurrence is due, except for an operator's
         event, which never waits. Nor is it skipped, missed or buffered before.

    I24  Reported: when faults stop, what has ended without success has a dead letter, unless it was skipped by policy,
         cancelled, or missed and planned again.

    I27  Paused: no attempt of the job begins, and no plan, between the answer of a pause and the resume, unless an operator's event
         requests it "while paused". (An attempt without a lease: unless its delivery has read the lease row before the
         pause.) Only then is an occurrence skipped as paused, and only what never started. What has started waits, and
         ends after the resume (I9).

    I18  A plan that a call has returned as planned, moved or unchanged starts, unless it was moved or cancelled since,
         or is missed. No sweep is needed: at each moment an event for it is on its way, also where a later move dies.
         Each returned result was true at some moment since its call began.
    I19  After a cancel has returned "cancelled" nothing starts, until the key is planned again on purpose. A missed key
         is planned again by a replace or a move, and started by a redrive; a key that was skipped because the job was
         paused, only planned again. A move or a cancel is too late only for what has started (for a move: or was
         cancelled; for a cancel: or was missed or skipped). What has started is neither moved
         nor cancelled. A call changes nothing after it has returned. The run of a key is created only after its plan
         has started. A started plan gets a run in the end (I9), also after a crash between the two writes.
    I20  A key starts by one revision. The event of an older one never starts or misses the plan, and opens no attempt.
         So nothing starts at the old time after a move has returned. Revisions grow.
    I21  No schedule exists without its row. When everything is at rest, no schedule is left in Scheduler. A sweep makes
         the schedule of a plan whose call has crashed, and the plan ends. No plan is deleted before its time, or before
         its run.

    I25  A deploy loses nothing that waits. Roles, functions, queues or groups were missing for a while, and operators
         have repaired what their schedules left: then each occurrence that has a plan or a row becomes final.

    I26  Planning rights suffice only to plan. Code with these rights writes anything into plans and sends anything by
         their alias, and still changes runs only by the event of a plan. What came by the alias touches only plans and
         runs of keys. All attempts of a key are by one event. A run no longer depends on its plan: none is lost, none
         runs twice, until the ledger has deleted it.

Each key that code has planned is an occurrence without a lease, as with "allow", and I1 to I17 hold for it, too. I8: an
event of an older revision may be acknowledged when the newer plan comes. A key whose plan the intruder has written is
no longer judged by I18 to I21, and by the others only once it has a run. A seed in which the lease is deleted by hand
is judged by I1, I2, I5, I8, I9, I12, I18 to I21 and I26 only, and by I7 for each occurrence alone. ``walk`` uses the
same judges but no chance: it takes every order of requests in a small space.
"""
