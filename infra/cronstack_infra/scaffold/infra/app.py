"""What ``cdk.json`` starts: the declared jobs become a stack; what they may touch stands in ``resources.py``."""

import signal
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the synthesis without a traceback

try:
    from cronstack_infra.aws import entry
except ModuleNotFoundError as missing:
    sys.exit(
        f"{sys.executable} has no {missing.name}: make .venv in the project's folder (uv sync), or activate yours; "
        "or call the cdk by: cronstack cdk"
    )

with entry(__file__) as project:
    from cronstack_infra.aws import CronstackStack
    from resources import resources

    stack = CronstackStack(
        project.app,
        project.stack_name,
        jobs=project.jobs,
        functions_root=project.project.functions,
        package=project.package,
        lock=project.lock,
    )
    resources(stack, stack.jobs)
