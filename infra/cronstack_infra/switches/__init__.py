"""Switches: what AWS does where its documentation is silent, contradicts itself or promises only a range.

``settings`` holds the values, ``table`` says for each switch what is open and in which environments it can be played,
``reading`` reads them from a command line or a test. The local cloud, the ``cloud`` fixture, ``simulate`` and ``prove``
play the same switches.
"""
