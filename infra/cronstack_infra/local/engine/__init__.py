"""The engine: what EventBridge Scheduler and Lambda's asynchronous queue would do next. Pure.

A heap of due things, and nothing else that moves: inputs change its state, ``step(now)`` hands out frozen effects,
and whoever drives it carries them out and tells the outcome as another input. No IO, no clock; chance is a hash of
the seed and of what it decides about, so the same inputs give the same trace.
"""
