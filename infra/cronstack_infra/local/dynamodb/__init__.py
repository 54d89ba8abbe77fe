"""DynamoDB on moto, as far as the guard depends on it: transactions, conditions and numbers that are DynamoDB's."""
