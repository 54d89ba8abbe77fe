"""Tests of deployed jobs on a virtual clock: pytest's fixture ``cloud`` (see ``plugin``) and what it gives."""
