"""The executor: runs deployed code in real processes, as Lambda does.

A process serves one invocation at a time and is reused while it is warm. It has its own environment, the unpacked zip
and the packages of Lambda's Python image, and nothing else. So a dependency that was not deployed fails here as on
AWS. The processes are children of the *warden*, a small single-threaded program. It outlives this process only long
enough to end them all.
"""
