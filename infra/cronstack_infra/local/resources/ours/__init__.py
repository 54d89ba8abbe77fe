"""CloudFormation types that Cronstack's own stacks use."""
