"""Finds the complete entries in a file of many runs, damaged or not, without parsing it."""
