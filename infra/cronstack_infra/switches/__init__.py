"""Switches: the behaviour of AWS where its documentation is silent, contradicts itself or gives only a range.

``settings`` contains the values. ``table`` describes the open question of each switch, and lists the environments that
can play it. ``reading`` parses switches from a command line or a test. The local cloud, the ``cloud`` fixture,
``simulate`` and ``prove`` play the same switches.
"""
