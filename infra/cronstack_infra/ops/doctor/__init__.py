"""Checks of a deployed stack: each reads facts through boto3 clients, and judges them.

stack      the template with its functions evaluated, and the names of the deployed resources
requests   requests of the checks; a right that the caller lacks becomes a finding
finding    one thing that is wrong: what, where, why it matters, and the command that fixes it
drift/     the template compared with the services
checks     the list of all checks, and ``examine``
"""
