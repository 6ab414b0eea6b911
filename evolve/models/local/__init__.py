"""Language models on this machine: weights in GGUF files, answered by llama.cpp's server."""
