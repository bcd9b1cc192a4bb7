"""The questions that people ask of a run history: what each costs, and which index answers it."""
