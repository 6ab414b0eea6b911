"""Language and embedding models: gateway, reply readers, prompts and embeddings."""
