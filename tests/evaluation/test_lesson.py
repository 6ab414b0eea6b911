from __future__ import annotations

from evolve.evaluation.scorer import lesson
from evolve.records import Criterion, Step, Task


def test_a_lesson_tells_question_answer_score_and_what_was_right():
    task = Task(id="t", question="Where is Ann?", answers=("Rome", "the eternal city"))
    assert lesson(task, " Oslo\n", 0.25) == (
        "Question: Where is Ann?\nAnswer given: Oslo\nScore: 0.25 of 1\nRight answer: Rome / the eternal city"
    )
    assert "Answer given: (none)" in lesson(task, "", 0)


def test_a_lesson_of_a_rubric_tells_the_criteria():
    rubric = (Criterion(text="Names aspirin", points=3), Criterion(text="Invents", points=-1.5))
    text = lesson(Task(id="t", question="What helps?", rubric=rubric), "Tea", 0)
    assert text.endswith("with points:\n- (+3) Names aspirin\n- (-1.5) Invents")
    assert "Right answer" not in text


def test_a_lesson_of_acting_tells_the_steps():
    task = Task(id="t", question="Find the apple.", world={"game": 1})
    text = lesson(task, "", 1, [Step(command="look", observation="An apple.")])
    assert text == (
        "Question: Find the apple.\nWhat was done (>) and seen:\n> look\nAn apple.\nScore: 1.00 of 1"
    )
