"""Refusals of Scheduler, Lambda and SQS: requests that AWS rejects by its service models or by further rules.

moto accepts nearly any request, so these checks precede it. ``reading`` parses a request into a call, ``constraints``
checks it against botocore's model. The rules beyond the model are in ``queues`` and ``messages`` (SQS),
``configuration``, ``functions`` and ``sources`` (Lambda), and ``groups`` (Scheduler). ``responses`` formats the refusal
as the service does; ``intake`` runs all steps. Scheduler's further rules are in ``apis.schedule_checks``, behind the
API, because CloudFormation needs them, too.
"""
