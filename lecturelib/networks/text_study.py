"""A study of the transformer at many batch sizes, run unattended; the result is stored with the lecture.

`make study ONLY=text` runs it. For each method, batch size and goal (a held-out loss) it looks for the rate
that gets there in the fewest steps on the tuning seeds, among powers of 2, uphill from the best rate of the
batch size before; a run that falls behind is stopped. The best rate then runs on fresh seeds. Along a run of
each method the gradient noise scale is measured.

Each finished run is kept in build/study/parts, so a study that was stopped goes on where it was. A run that
is asked for again, and further than it was followed, starts anew.
"""

import hashlib
import json
import math
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np

from lecturelib.networks import characters, noise_scale, transformer
from lecturelib.networks.stored import provenance, save
from lecturelib.networks.text_record import NOISE_FIELDS, NoiseCurve, TextRun, TextStudy
from lecturelib.networks.text_study_plan import LATE, SPACING, TextPlan, climb

Key = tuple[str, int, float, int]  # of a run: method, batch size, rate, seed
Kept = dict[str, np.ndarray]  # what the file of a finished run holds


def run(text: characters.Corpus, plan: TextPlan, parts: Path) -> TextStudy:
    """Run a plan, or what is missing of it: finished runs are read from the folder `parts`.

    Args:
        text: as `characters.corpus` makes it.
        plan: what to run.
        parts: folder for the finished runs, made if missing; other plans and versions may share it.

    Raises:
        ValueError: as `transformer.train` does.
    """
    about, noise = provenance(), []
    runs = _Runs(text, plan, Path(parts), about["versions"])
    for method, first_rate in plan.first_rates.items():
        rates = dict.fromkeys(plan.goals, first_rate)
        for batch_size in plan.batch_sizes:
            for goal in plan.goals[::-1]:  # the longest runs first: they pass the other goals
                rates[goal] = runs.search(method, batch_size, goal, rates[goal])
            if batch_size == plan.noise_batch:
                noise += [runs.noise(method, rates[plan.goals[-1]], seed) for seed in plan.noise_seeds]
    seconds = round(sum(runs.seconds.values()))
    return TextStudy(plan, about | {"seconds": seconds}, tuple(runs.found.values()), tuple(noise))


class _Runs:
    """The runs of a plan, each followed as far as it was asked for, and kept in a folder."""

    def __init__(
        self, text: characters.Corpus, plan: TextPlan, parts: Path, versions: dict[str, str]
    ) -> None:
        self.text, self.plan = text, plan
        self.model = {"context": plan.context, "width": plan.width, "layers": plan.layers}
        what = [
            self.model,
            plan.first_windows,
            SPACING,
            characters.MEASURED,
            zlib.crc32(text.train.tobytes()),
            zlib.crc32(text.held_out.tobytes()),
            versions,
        ]
        self.folder = parts / hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]
        self.found: dict[Key, TextRun] = {}
        self.seconds: dict[str, float] = {}

    def search(self, method: str, batch_size: int, goal: float, first_rate: float) -> float:
        """The best rate for the goal, after its runs on the fresh seeds."""
        most = self.plan.most_steps(batch_size)

        def tuned(rate: float, limit: float) -> float:
            keys = [(method, batch_size, rate, seed) for seed in self.plan.tuning_seeds]
            return float(np.mean([self.follow(key, goal, limit).steps_to(goal) for key in keys]))

        rate = climb(tuned, first_rate, most)
        limit = LATE * tuned(rate, most)
        for seed in self.plan.seeds:
            self.follow((method, batch_size, rate, seed), goal, limit)
        return rate

    def follow(self, key: Key, goal: float, limit: float) -> TextRun:
        """This run up to the goal, or until it has made `limit` steps or its loss is not finite."""
        limit = min(limit, self.plan.most_steps(key[1]))

        def ends(kept: Kept) -> np.ndarray:
            """Where the run may end, increasing."""
            steps, losses = kept["steps"], kept["losses"]
            return np.flatnonzero((losses <= goal) | (steps >= limit) | ~np.isfinite(losses))

        def train() -> Kept:
            steps, losses = [], []
            for point in self.train(key):
                steps.append(point.step)
                losses.append(point.loss)
                found = {"steps": np.array(steps), "losses": np.array(losses, np.float32)}
                if len(ends(found)):
                    break
            return found

        kept = self.kept(key, train, lambda kept: len(ends(kept)) > 0)
        # As far as this study asked for: a file may hold more, which another one needed.
        points = 1 + int(ends(kept)[0])
        before = self.found.get(key)
        if before is None or points > len(before.steps):
            self.found[key] = TextRun(*key, kept["steps"][:points], kept["losses"][:points])
        return self.found[key]

    def noise(self, method: str, rate: float, seed: int) -> NoiseCurve:
        """The noise scale along a run, where its loss first passes the plan's losses."""
        key, plan = (method, self.plan.noise_batch, rate, seed), self.plan

        def train() -> Kept:
            starts = np.random.default_rng([seed, 2]).integers(
                len(self.text.train) - plan.context, size=plan.noise_windows
            )
            windows = characters.windows_at(self.text.train, starts, plan.context)
            found, ahead = [], [math.inf, *plan.noise_losses]
            for point in self.train(key):
                if point.loss > ahead[0]:
                    continue
                ahead = [loss for loss in ahead if loss < point.loss]
                at = noise_scale.estimate(
                    transformer.loss, point.params, windows, key=jax.random.key(seed), max_products=1
                )
                found.append((point.step, point.loss, at.noise_scale, *at.interval))
                if not ahead:
                    break
            return dict(zip(NOISE_FIELDS, np.array(found).T, strict=True))

        return NoiseCurve(method, seed, **self.kept(("noise", *key), train, lambda kept: True))

    def train(self, key: Key) -> Iterator[transformer.Checkpoint]:
        method, batch_size, rate, seed = key
        points = self.plan.checkpoints(batch_size)
        return transformer.train(
            self.text, method, rate, batch_size, seed=seed, checkpoints=points, **self.model
        )

    def kept(self, key: tuple, train: Callable[[], Kept], enough: Callable[[Kept], bool]) -> Kept:
        """What the file of this name holds, if that is enough, and else what is trained now."""
        name = "_".join(f"{part:.6g}" if isinstance(part, float) else str(part) for part in key)
        file = self.folder / f"{name}.npz"
        if file.exists():
            with np.load(file, allow_pickle=False) as stored:
                found = dict(stored)
            self.seconds[name] = float(found.pop("seconds"))
            if enough(found):
                return found
        start = time.process_time()
        found = train()
        self.seconds[name] = time.process_time() - start
        save(file, found | {"seconds": np.array(self.seconds[name])})
        return found
