"""The ledger table: its items, their statuses, and the requests that read and write them. Pure."""
