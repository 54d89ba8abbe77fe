"""The local cloud: moto, what moto lacks, an engine that fires what is deployed and an executor that runs it.

The path from a CreateSchedule call to the handler process, file by file:

     1  http/server.py          takes the HTTP request, in a thread of its own
     2  http/gate.py            checks the request, takes the lock, asks moto, which routes the call to
     3  apis/schedules.py       Scheduler's API: checks the schedule and passes it to the engine's port
     4  engine/port.py          EnginePort, between requests and effects; Drive, between effects and processes
     5  effects/runner.py       EffectRunner: put_schedule; later carry_out, for each effect, and accept
     6  engine/engine.py        the engine's inputs, and step, which returns effects
     7  engine/schedules.py     an instant falls due: effect Deliver
     8  drive.py                RealDrive: calls step when something is due, and carry_out with each effect
     9  effects/deliveries.py   checks what the role may do, and passes the event to accept (5)
    10  engine/invocations.py   Lambda's queue of asynchronous events: effect RunFunction
    11  effects/invoker.py      checks concurrency and loops, and calls Drive.execute (8)
    12  executor/executor.py    picks a warm sandbox, or makes one when there is room
    13  executor/sandbox.py     one sandbox: its handler process and its Runtime API
    14  executor/warden_client.py sends the order for a process to the warden
    15  executor/warden.py      forks the handler process

Other files on this path answer a question (refusals, schedule_checks, targets, permissions, lookups) or hold
values. To follow the path, you need not open them.
"""
