"""Grade homework without trusting it: each answer runs shut in, and only data comes back."""

from lecturelib.grading.questions import Call, Question, Wrong, close

__all__ = ["Call", "Question", "Wrong", "close", "hidden_test"]


def __getattr__(name):  # nbgrader's version imports it from here; it imports what imports this
    if name == "hidden_test":
        from lecturelib.grading.hidden import hidden_test

        return hidden_test
    raise AttributeError(name)
