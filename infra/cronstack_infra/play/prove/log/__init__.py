"""What the observer writes down: records of runs, attempts and keys, and their bookkeeper. No judgement."""
