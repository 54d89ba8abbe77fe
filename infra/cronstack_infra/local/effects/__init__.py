"""The engine's effects, carried out on moto: deliveries, invocations, polls of queues, records of failed events."""
