"""Features that ordinary stacks of scheduled functions do not use: kept for other stacks, and not extended."""
