"""The log of a world: records of runs, attempts and keys, and the bookkeeper that writes them. No judgement."""
