"""Operators' tools: what is deployed, its runs, triggers, backfills and dead letters.

Plain functions that take boto3 clients and the time as arguments. They return frozen values and print nothing. The
clients decide whether they use the local cloud or AWS.
"""
