"""Patches of moto's DynamoDB for what the guard depends on: transactions, conditions, numbers, queries, capacity."""
