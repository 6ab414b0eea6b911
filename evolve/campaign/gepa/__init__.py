"""Prompt-only optimisation by GEPA's own package (arXiv 2507.19457), recorded as a campaign is.

GEPA decides which candidate is changed, which of its instruction constants, on which tasks it is tried, and
whether a child is kept; the words with which a model is asked to rewrite an instruction are GEPA's too. Ours
are the evaluation, the models with their budget and account, and the record.
"""
