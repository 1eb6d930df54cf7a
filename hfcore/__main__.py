"""``python -m hfcore`` is the command ``hfcore``."""

from hfcore.cli import main

if __name__ == "__main__":
    main()
