"""The AWS APIs of the local cloud: members of moto that are replaced, and the one list that installs them."""
