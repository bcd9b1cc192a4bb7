"""Decides which copy of a run wins: pure rules that read no files and no database."""
