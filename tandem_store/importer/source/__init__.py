"""The source of an import: the engine's state directory, its files, and the entries in them."""
