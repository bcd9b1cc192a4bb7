"""Plugins with which sqlite-utils and Datasette read the documents of a store.

Each is imported by the program that it is for, which finds it by its entry point.
"""
