"""The local cloud: moto, what moto lacks, an engine that fires what is deployed and an executor that runs it.

From a CreateSchedule call to the handler process, in the order in which each file does its part:

    The request, in its connection's thread
     1  http/server.py                takes the HTTP request
     2  http/gate.py                  takes the lock, has the request checked, and asks moto
     3  http/dispatch.py              chooses moto's application of the service
     4  apis/schedules.py             replaces moto's answer and moto's backend: checks, then calls the engine's port
     5  effects/runner.py             EffectRunner is the port: put_schedule
     6  engine/engine.py              the engine's inputs; ``step`` returns the effects that are due
     7  engine/schedules.py           ``put`` notes the schedule's next instant; when it is due, the effect Deliver

    The instant, in the drive's thread: ``step`` (6) and ``carry_out`` (5) in turns, first Deliver, then RunFunction
     8  drive.py                      RealDrive: waits until something is due
     9  effects/deliveries.py         Deliver: checks what the role may do; the event goes to ``accept`` (5)
    10  engine/invocations.py         Lambda's queue of asynchronous events; the next step's effect is RunFunction
    11  effects/invoker.py            RunFunction: checks concurrency and loops, and calls ``execute`` (8)

    The process, in the executor's thread
    12  executor/executor.py          picks a warm sandbox, or makes one
    13  executor/sandbox.py           one sandbox: its handler process and its Runtime API
    14  executor/warden_client.py     sends the order for a process to the warden
    15  executor/warden.py            another process: forks the handler process, or spawns it when a fork cannot do

``cloud`` puts these parts together. ``patches.table`` lists ``apis.schedules`` among the patches, and ``moto.patch``
puts its functions in the place of moto's, with the engine's port (``engine.port``) as their first argument. Between 3
and 4, moto itself chooses the operation. Everything that waits for its time lies in ``engine.agenda``. ``refusals``
checks requests, and ``lookups`` answers questions.
"""
