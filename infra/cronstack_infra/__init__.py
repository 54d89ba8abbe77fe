"""Everything around the handlers: discovery, CDK stacks, the local cloud, operators' tools and the command line."""
