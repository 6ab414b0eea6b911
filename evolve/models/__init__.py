"""Models that are asked: the gateway to them, the reading of what they reply, prompts and embeddings."""
