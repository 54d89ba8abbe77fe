"""What a proof plays with: virtual time, drawn faults, events on their way, the programs under proof. No judgement."""
