"""Reads of the ledger for operators: ``reader`` reads pages, lists and batches, ``keyed`` keys by their due times."""
