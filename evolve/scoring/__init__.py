"""Metrics of an answer and of the text retrieved for it; see ``evolve.scoring.metrics``."""

from evolve.scoring.answers import exact_match as exact_match
from evolve.scoring.answers import f1 as f1
from evolve.scoring.answers import hotpot_f1 as hotpot_f1
from evolve.scoring.answers import locomo_f1 as locomo_f1
from evolve.scoring.answers import normalise as normalise
from evolve.scoring.metrics import GRADED as GRADED
from evolve.scoring.metrics import METRICS as METRICS
from evolve.scoring.metrics import Metric as Metric
from evolve.scoring.passages import SHINGLE as SHINGLE
from evolve.scoring.passages import SHINGLE_SHARE as SHINGLE_SHARE
from evolve.scoring.passages import STOP_WORDS as STOP_WORDS
from evolve.scoring.passages import contains_passage as contains_passage
from evolve.scoring.passages import content_words as content_words
from evolve.scoring.retrieval import coverage as coverage
from evolve.scoring.retrieval import episode_recall as episode_recall
from evolve.scoring.retrieval import episode_recall_all as episode_recall_all
from evolve.scoring.retrieval import episode_recall_any as episode_recall_any
from evolve.scoring.retrieval import evidence_recall as evidence_recall
from evolve.scoring.retrieval import rubric_coverage as rubric_coverage
from evolve.scoring.rubrics import rubric_score as rubric_score
