"""Who uses the memory, and who judges: by rule, or by a language model."""
