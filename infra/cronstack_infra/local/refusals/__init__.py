"""What Scheduler, Lambda and SQS refuse, before moto sees it: by botocore's service models, and by AWS's further rules.

moto takes nearly anything. ``reading`` makes a call of a request, ``constraints`` holds it against the model;
``queues`` and ``messages`` (SQS), ``configuration``, ``functions`` and ``sources`` (Lambda) and ``groups`` (Scheduler)
hold it against what no model says; ``answers`` says no as the service would, ``intake`` does it all. Scheduler's
further rules stand in ``apis.schedule_checks``, behind the API, since CloudFormation goes that way too.
"""
