"""CloudFormation types that only other stacks use."""
