"""Runs the command line by `python -m infra.cli`, as the gateways that one command starts are run."""

from infra.cli.main import main

if __name__ == "__main__":
    main()
