"""``python -m tandem_store``: the command line without its script."""

from tandem_store.cli import main

if __name__ == "__main__":
    main()
