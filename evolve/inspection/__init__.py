"""Inspection of campaigns, running and finished: data first, then a rendering of the data."""
