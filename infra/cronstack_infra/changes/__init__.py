"""``cronstack diff``: the changes of a deployment in time. All modules are pure, except ``deployed``."""
