"""moto's CloudFormation with patches, and with our own provisioner.

Patches alone do not suffice: order of dependencies, replacement with dependants, Retain and rollback change every line
of moto's ``ResourceMap``. ``deploy.provision`` replaces that class, ``requests`` the requests that create, update and
roll back stacks, ``change_sets`` those of change sets. The rest is moto's.
"""
