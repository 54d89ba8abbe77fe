"""The stages of ``cronstack demo``: backfill the flights of 2013, pay orders, and fix a broken job."""
