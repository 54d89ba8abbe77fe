"""``cronstack runs`` and its subcommands."""
