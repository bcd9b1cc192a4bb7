"""Measurements of the import against the simplest loop that plain Python allows."""
