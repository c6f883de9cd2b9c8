"""Grade homework without trusting it: each answer runs in a sandbox, and only data comes back."""

from typing import Any

from workshop.grading.questions import Call, Question, Wrong, close

__all__ = ["Call", "Question", "Wrong", "close", "hidden_test"]


def __getattr__(name: str) -> Any:  # nbgrader's version imports it from here; it imports what imports this
    if name == "hidden_test":
        from workshop.grading.hidden import hidden_test

        return hidden_test
    raise AttributeError(name)
