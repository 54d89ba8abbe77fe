"""``cronstack up`` and ``cronstack demo``: start a local cloud and deploy jobs to it."""
