"""The protocol of a run: claim an occurrence, work it, settle it; retries, takeovers, dead letters."""
