"""The source of an import: a state directory of the engine, its files, and their entries."""
