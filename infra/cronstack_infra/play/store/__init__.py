"""A ledger and its queues in memory, with DynamoDB's responses."""
