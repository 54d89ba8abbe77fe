"""moto's CloudFormation with patches, and with a provisioner of our own.

Patches do not suffice: adding in order of dependence, replacing with dependants that follow, Retain and rollback touch
every line of moto's ``ResourceMap``. That class is ours (``provision``), and so are the requests that create, update
and roll back stacks (``requests``) and those of change sets (``change_sets``); the rest stays moto's.
"""
