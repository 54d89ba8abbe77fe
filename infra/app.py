"""The CDK app that ``cdk.json`` starts: it builds the stack of the declared jobs. ``resources.py`` grants their rights.

``-c jobs=examples`` deploys the package ``functions/examples`` instead of ``functions/jobs``.
"""

import signal
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the synthesis without a traceback

try:
    from cronstack_infra.aws import entry
except ModuleNotFoundError as missing:
    sys.exit(
        f"{sys.executable} has no module {missing.name}: create .venv in the project's folder (uv sync), or activate "
        "your environment; or run the CDK with: cronstack cdk"
    )

with entry(__file__) as project:
    from cronstack_infra.aws import CronstackStack

    if project.package == "examples":
        from example_resources import resources
    else:
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
