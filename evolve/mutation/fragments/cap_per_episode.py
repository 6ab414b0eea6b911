"""Look around: at most a few passages of one episode, so that questions about several are served."""

KNOBS = {"passages_per_episode": (6, 1, 20)}


class KnowledgeBase:
    def read(self, query):
        scores = self._cap_per_episode(scores)

    def _cap_per_episode(self, scores):
        """Keep the best few passages of each episode."""
        taken, kept, most = {}, {}, knob("passages_per_episode")
        for number in sorted(sorted(scores), key=scores.get, reverse=True):
            episode = self.passages[number]["episode"]
            if taken.get(episode, 0) < most:
                kept[number] = scores[number]
                taken[episode] = taken.get(episode, 0) + 1
        return kept
