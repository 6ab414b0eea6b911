"""Look at campaigns: as they run, and afterwards. Data first, then a rendering of the data."""
