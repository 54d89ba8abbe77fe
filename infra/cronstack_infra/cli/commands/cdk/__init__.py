"""``cronstack cdk``: the pinned cdk CLI, and the looks before a deployment and a destruction."""
