"""Files on disk: writes that survive a kill, reads that follow no link out of a directory."""
