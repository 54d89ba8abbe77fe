"""``cronstack ask-aws``: test on a real account what AWS's documentation leaves open, and print a transcript.

``question`` is one question and its answer, ``table`` lists all questions. ``temporary_resources`` creates and
always deletes what they need, ``run`` asks the questions, and ``transcript`` formats the answers. Each other module has
the questions about one topic.
"""
