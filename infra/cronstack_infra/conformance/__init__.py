"""The kit that compares an endpoint with AWS: refusals, each with its nearest valid neighbour, and behaviour.

The expectations are from botocore's service models, AWS's documentation and responses that others recorded on AWS. Each
names its source. The kit is independent of the local cloud's code and does not import it.
"""
