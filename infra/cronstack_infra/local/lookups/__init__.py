"""What APIs, effects and checks look up in moto: functions, queues, roles, and what they allow."""
