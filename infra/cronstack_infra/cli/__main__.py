"""``python -m cronstack_infra.cli``: the command line where no console script is installed."""

from cronstack_infra.cli import main

main()
