"""Prompt-only optimisation by GEPA's own package (arXiv 2507.19457), recorded as a campaign is.

GEPA decides which candidate is changed, which of its instruction constants, on which tasks it is tried, and
whether the new candidate is kept; the prompt that asks a model to rewrite an instruction is GEPA's too. The
evaluation, the models with their budget and account, and the record are ours.
"""
