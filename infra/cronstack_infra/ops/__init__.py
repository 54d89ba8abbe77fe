"""Operators' tools: what is deployed, its runs, triggers, backfills and dead letters.

Plain functions over boto3 clients that they are handed, with time as an argument; they return frozen values and print
nothing. Which cloud it is, the local one or AWS, they do not know.
"""
