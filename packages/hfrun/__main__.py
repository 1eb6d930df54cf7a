"""``python -m hfcore`` is the command ``hfcore``."""

from hfrun.cli import main

if __name__ == "__main__":
    main()
