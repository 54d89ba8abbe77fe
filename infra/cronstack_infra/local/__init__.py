"""The local cloud: moto, what moto lacks, an engine that fires what is deployed and an executor that runs it."""
