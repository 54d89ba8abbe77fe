"""The CDK app, which ``cdk.json`` starts. It deploys the declared jobs and the resources of ``resources.py``."""

import signal
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the synthesis without a traceback

try:
    from cronstack_infra.aws import entry
except ModuleNotFoundError as missing:
    sys.exit(
        f"{missing.name} is not installed in {sys.executable}. "
        "Create .venv in the project's folder (uv sync), activate your environment, or run: cronstack cdk"
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
