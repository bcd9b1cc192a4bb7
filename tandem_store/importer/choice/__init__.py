"""Which copy of a run wins: pure rules over facts, without files and without SQL."""
