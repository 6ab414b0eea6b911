"""Where memory programs run: behind what, within which limits, and how the host talks with them."""
