"""What is read and checked before a deployment: options, environments, sizes, and pinned packages."""
