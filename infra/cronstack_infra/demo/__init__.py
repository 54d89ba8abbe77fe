"""The stages of ``cronstack demo``: flights of 2013 to backfill, orders to pay, and a broken job to fix."""
