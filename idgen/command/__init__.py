"""The command line for people at a shell: `flake-client`, or `python -m idgen`."""
