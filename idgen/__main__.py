"""`python -m idgen` and `flake-client`: the commands of idgen/command."""

import sys


def main() -> None:
    """Ends with the command's exit status."""
    try:
        from idgen.command.main import run
    except KeyboardInterrupt:  # the imports take a while
        sys.exit(130)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
