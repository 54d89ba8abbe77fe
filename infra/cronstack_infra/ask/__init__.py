"""``cronstack ask-aws``: ask a real account what AWS's documentation leaves open, and print a transcript to publish.

``question`` is one question and its answer, ``table`` lists all, ``sandbox`` makes what they need and deletes it in
every case, ``run`` asks them, ``transcript`` prints. Each other module holds some questions about one service.
"""
