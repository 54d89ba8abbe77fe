"""The models of a proof: virtual time, drawn faults, events on their way, the programs under proof. No judgement."""
