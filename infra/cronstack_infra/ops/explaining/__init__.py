"""Explain why an occurrence ran, ran late, waits, was skipped, was missed, or never arrived.

    asking       the question: a job, and a time, an occurrence or a key
    facts        what AWS stores about it, as values
    gathering    reads these facts with boto3 clients
    verdict      the cause, and how it is classified
    deciding     ``explain(facts) -> Verdict``; ``of_runs``, ``of_plans`` and ``of_times`` decide the parts
    logged       what the job's log has about the attempts of one occurrence
    timeline     the events of the page, ``wording`` its first line, ``remedies`` its commands
    page         the text and the JSON

It needs boto3 clients and the name of a stack: no project and no declarations.
"""
