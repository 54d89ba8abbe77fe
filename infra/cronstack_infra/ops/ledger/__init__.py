"""How operators' tools read the ledger: ``reader`` pages, lists and batches, ``keyed`` the keys by their due times."""
