"""Templates: parsing, checks, types of resources, parameters and dynamic references."""
