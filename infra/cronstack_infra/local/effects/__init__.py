"""The engine's effects on moto: deliveries, invocations, polls of queues, records of ended events."""
