"""The kit that asks an endpoint what AWS would answer: refusals beside their nearest valid neighbours, and behaviour.

What is expected comes from botocore's service models, AWS's documentation and answers that others recorded on AWS,
and stands beside its source. Nothing here is taken from the local cloud's own code, and nothing here imports it.
"""
