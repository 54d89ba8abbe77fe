"""``cronstack cdk``: the pinned cdk CLI, and the checks before ``deploy`` and ``destroy``."""
