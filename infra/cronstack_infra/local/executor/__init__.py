"""The executor: runs the code that is deployed, in real processes, as Lambda does.

One process serves one invocation at a time and is used again while it is warm. Each gets an environment of its own,
the unpacked zip, what Lambda's Python image has, and nothing else: a dependency that was not deployed fails here as
it fails there. The processes are children of the *warden*, a small single-threaded program that outlives this one
just long enough to end them all.
"""
