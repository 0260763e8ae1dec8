"""Runs the command line for `python -m kinescribe`."""

from kinescribe.cli import main

if __name__ == "__main__":
    main()
