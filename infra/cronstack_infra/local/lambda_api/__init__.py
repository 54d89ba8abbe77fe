"""Lambda's API in front of the engine: what is added to moto's functions, versions and event sources."""
