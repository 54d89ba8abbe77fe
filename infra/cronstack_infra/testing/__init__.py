"""Tests of deployed jobs on a virtual clock, with the pytest fixture ``cloud`` (see ``plugin``)."""
