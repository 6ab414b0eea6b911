from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolve.mutation import MutationContext, Scope
from evolve.mutation.edits import EditName
from evolve.mutation.freezing import frozen_parts
from evolve.mutation.reflection.vetting import CandidateProgram, InvalidEdit, TryOut, child_of
from evolve.program import MemoryProgram
from evolve.records import Failure

PATCH = """MESSAGE: Keep more.
```diff
@@ -1 +1 @@
-        self.notes = []
+        self.notes = [0]
```"""


def vetted(
    text: str,
    context: MutationContext,
    *,
    edit: EditName = "patch",
    scope: Scope = "everything",
    try_out: TryOut = lambda program: None,
) -> CandidateProgram:
    return child_of(text, context, frozen_parts(context.program, scope), edit, try_out)


def test_a_child_is_what_was_tried(context_of, host):
    tried: list[MemoryProgram] = []
    child = vetted(PATCH, context_of(), try_out=tried.append)
    assert (child.message, child.program.source) == ("Keep more.", host.replace("notes = []", "notes = [0]"))
    assert tried == [child.program]


def test_the_checks_come_in_the_order_of_their_price(context_of, host):
    """What is frozen is told before what is known, and both before anything is run."""
    fingerprint = MemoryProgram(host.replace("notes = []", "notes = [0]")).fingerprint
    context = context_of(known=frozenset({fingerprint}))
    failure = Failure(kind="load", where="load", message="no")
    with pytest.raises(InvalidEdit, match=r"changed: KnowledgeBase.__init__") as caught:
        vetted(PATCH, context, scope="read", try_out=lambda program: failure)
    assert caught.value.became not in ("duplicate", "same")
    with pytest.raises(InvalidEdit, match="the same program as another") as caught:
        vetted(PATCH, context, try_out=lambda program: failure)
    assert caught.value.became == "duplicate"
    with pytest.raises(InvalidEdit, match="load in load: no"):
        vetted(PATCH, context_of(), try_out=lambda program: failure)


def test_each_problem_is_told_with_the_lines_around_it(context_of, host):
    source = host.replace('"Ask."', '""').replace("import re\n", "import re\nimport os\n")
    with pytest.raises(InvalidEdit) as caught:
        vetted(f"MESSAGE: x\n```\n{source}```", context_of(), edit="whole")
    assert "- line 4: import of 'os' is not allowed" in caught.value.told
    assert "    4: import os\n" in caught.value.told
    assert '    8: INSTRUCTION_QUERY = ""\n' in caught.value.told


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_hostile_programs_are_invalid_at_worst(context_of, host, data):
    at = data.draw(st.integers(0, len(host)))
    cut = data.draw(st.integers(0, 40))
    put = data.draw(
        st.text(max_size=30) | st.sampled_from(["\x00", "\ud800", "(" * 500, "-" * 5_000 + "1", "```"])
    )
    source = host[:at] + put + host[at + cut :]
    with suppress(InvalidEdit):
        child = vetted(f"MESSAGE: x\n```\n{source}\n```", context_of(), edit="whole", scope="query")
        assert child.program.problems == ()
