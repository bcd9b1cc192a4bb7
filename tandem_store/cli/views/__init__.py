"""How results are shown to people; programs read JSON instead."""
