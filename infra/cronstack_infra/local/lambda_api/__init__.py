"""Lambda's API in front of the engine: patches of moto's functions, versions and event sources."""
