"""Everything outside the Lambda runtime: discovery, CDK stacks, the local cloud, operators' tools and the CLI."""
