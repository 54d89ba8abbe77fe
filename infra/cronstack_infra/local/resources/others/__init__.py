"""CloudFormation types that only other projects' stacks use."""
