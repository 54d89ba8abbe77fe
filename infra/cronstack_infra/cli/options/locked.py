"""The jobs in the lock file: those that the project declares, and removed ones."""

from __future__ import annotations

from collections.abc import Mapping

from cronstack_infra.cli.options.clouds import SelectedCloud
from cronstack_infra.lock_file import read_lock
from cronstack_infra.project import Project


def locked_jobs(cloud: SelectedCloud) -> Mapping[str, bool]:
    """Return the jobs of the lock file, and whether each has ``once()``. Empty if the stack is not the project's."""
    project = Project.find()
    if cloud.stack != project.stack(cloud.package):
        return {}
    lock = read_lock(project.root)
    return {} if lock is None else lock.jobs(cloud.package)
