"""The local cloud: moto with patches, an engine that fires schedules, and an executor that runs handlers.

From a CreateSchedule call to the handler process, file by file:

    The request, in its connection's thread
     1  http/server.py                takes the HTTP request
     2  http/gate.py                  takes the lock, checks the request, and calls moto
     3  http/dispatch.py              chooses moto's application of the service
     4  apis/schedules.py             replaces moto's response and backend: checks, then calls the engine's port
     5  effects/runner.py             EffectRunner is the port: put_schedule
     6  engine/engine.py              the engine's inputs; ``step`` returns the effects that are due
     7  engine/schedules.py           ``put`` adds the schedule's next instant to the agenda; its effect is Deliver

    The instant, in the drive's thread: ``step`` (6) and ``carry_out`` (5) in turns, first Deliver, then RunFunction
     8  drive.py                      RealDrive: waits until something is due
     9  effects/deliveries.py         Deliver: checks what the role may do; the event goes to ``accept`` (5)
    10  engine/invocations.py         Lambda's queue of asynchronous events; the next step's effect is RunFunction
    11  effects/invoker.py            RunFunction: checks concurrency and loops, and calls ``execute`` (8)

    The process, in the executor's thread
    12  executor/executor.py          picks a warm sandbox, or creates one
    13  executor/sandbox.py           one sandbox: its handler process and its Runtime API
    14  executor/warden_client.py     asks the warden to start a process
    15  executor/warden.py            another process: forks the handler process, or spawns it when a fork is unsuitable

``cloud`` creates and connects these parts. ``patches.table`` lists the patches, among them ``apis.schedules``.
``moto.patch`` replaces moto's functions by them and passes the engine's port (``engine.port``) as first argument.
Between 3 and 4, moto itself chooses the operation. ``engine.agenda`` holds everything that is due later. ``refusals``
checks requests, and ``lookups`` reads moto's state.
"""
