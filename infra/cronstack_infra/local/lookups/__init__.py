"""Look-ups in moto's backends: functions, queues, roles, permissions. Used by APIs, effects and checks."""
