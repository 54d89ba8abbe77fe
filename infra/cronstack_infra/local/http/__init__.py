"""The HTTP server in front of moto: requests, checks before moto, the request log, faults, sent mails."""
