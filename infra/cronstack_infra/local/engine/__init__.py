"""The engine: what EventBridge Scheduler and Lambda's asynchronous queue do next. Pure.

Its agenda is a heap of due items. Inputs change the state; ``step(now)`` returns frozen effects. The drive carries
them out and reports each outcome as another input. The engine has no IO and no clock. Chance is a hash of the seed
and of the decision's subject, so the same inputs give the same trace.
"""
