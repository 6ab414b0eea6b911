"""Match what matters: leave the words that every question has out of the search."""

COMMON_WORDS = frozenset(
    "a an and are as at be been but by can could did do does for from had has have he her his how i if in "
    "into is it its kind many me much my of on or our she so some that the their them they this to type was "
    "we were what when where which who whom whose why will with would you your".split()
)


class KnowledgeBase:
    def read(self, query):
        question = self._without_common_words(question)

    def _without_common_words(self, question):
        """The question less its common words; the whole question where nothing else is left."""
        kept = [word for word in question.split() if word.lower().strip("?!.,'\"") not in COMMON_WORDS]
        return " ".join(kept) or question
