"""`python -m paxcheck`."""

from paxcheck.cli.main import main

main()
