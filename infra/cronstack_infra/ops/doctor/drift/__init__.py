"""Differences between the template and the services: what was edited or deleted outside the stack."""
