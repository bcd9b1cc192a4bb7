"""What is measured, one module each: ``measure`` fills the results, ``section`` makes tables."""
