"""Task agents and judges, rule-based or backed by a language model."""
