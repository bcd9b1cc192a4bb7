"""The views, which print results for people; programs read JSON instead."""
