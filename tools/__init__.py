"""The generated pages of docs/: ``python -m tools`` writes them."""
