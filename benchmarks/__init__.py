"""Measurements of tandem_store, beside what people would use instead and beside another commit.

``python -m benchmarks`` measures and prints a page; docs/internals/measuring.md says how.
"""
