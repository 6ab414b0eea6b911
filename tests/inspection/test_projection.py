from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evolve.inspection.projection import project
from evolve.program import MemoryProgram, with_knobs
from evolve.program.structure import features
from evolve.seeds import seed_program


def test_the_map_puts_like_to_like() -> None:
    lexical, other = seed_program("lexical"), seed_program("llm_summarizer")
    twin = MemoryProgram(with_knobs(lexical.source, {"chunk_characters": 300}))
    found = [features(program) for program in (lexical, twin, other)]
    projection = project([entry for entry in found if entry])
    points = projection.points
    assert points.shape == (3, 2)
    assert np.linalg.norm(points[0] - points[1]) < np.linalg.norm(points[0] - points[2]) / 4
    assert 0 < projection.axes[0].share <= 1
    assert projection.axes[0].loadings


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), st.floats(-5, 5)), max_size=6))
def test_any_features_can_be_projected(values: list[dict[str, float]]) -> None:
    projection = project([{"shape": entry} for entry in values])
    assert projection.points.shape == (len(values), 2)
    assert np.isfinite(projection.points).all()
    again = project([{"shape": entry} for entry in values])
    assert np.array_equal(projection.points, again.points)
    for axis in projection.axes:
        assert 0 <= axis.share <= 1 + 1e-9
        assert not axis.loadings or axis.loadings[0][1] > 0
