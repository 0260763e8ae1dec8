"""A comparison of rows on one set of data, from the plan to the pages."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.comparison import page, plan, queue
from pipeline.comparison.data import ComparisonData
from pipeline.comparison.queue import Failure
from pipeline.comparison.results import ComparisonResults, PartResult
from pipeline.comparison.task import ComparisonSettings, Outcome, Task
from transform.common import storage


class Comparison:
    """Rows of the papers, trained alike on the same clips.

    Args:
        data: What they are trained and tested on.
        rows: Names of presets.
        settings: What every row gets alike.
        seeds: Trainings of each row.
        headline_seeds: Trainings of the rows in `plan.HEADLINE`, if more.

    Raises:
        KinescribeError: There is no preset of such a name.
    """

    def __init__(
        self,
        data: ComparisonData,
        rows: Sequence[str],
        settings: ComparisonSettings,
        *,
        seeds: int = 1,
        headline_seeds: int = 1,
    ):
        self._data = data
        self._settings = settings
        self.tasks, self._twins = plan.plan(data, rows, settings, seeds, headline_seeds)

    def train(
        self, root: str, workers: int, on_done: Callable[[int], None]
    ) -> list[Failure]:
        """Trains what is not trained yet; what failed is tried at the next call.

        Args:
            root: Folder of the outcomes.
            workers: Trainings at a time.
            on_done: Called with the number of tasks that are done.
        """
        left = queue.unfinished(self.tasks, root)
        done = len(self.tasks) - len(left)
        on_done(done)
        failures = []
        for ended in queue.run(left, root, workers):
            done += 1
            on_done(done)
            if isinstance(ended, Failure):
                failures.append(ended)
        return failures

    def results(self, root: str) -> list[PartResult]:
        """Scores what is trained: on all clips, then on each part of the data."""
        return ComparisonResults(self._data, self._outcomes(root), self._twins).parts()

    @staticmethod
    def as_json(parts: Sequence[PartResult]) -> dict[str, Any]:
        """Returns the scores and claims as plain JSON types."""
        return {
            part.name: {
                "clips": part.clips,
                "controls": part.floors,
                "rows": {row.row: row._asdict() for row in part.rows},
                "claims": [claim.as_json() for claim in part.claims],
            }
            for part in parts
        }

    def write_pages(
        self, root: str, command: str, parts: Sequence[PartResult]
    ) -> list[str]:
        """Writes `<data>.md` and `<data>.html` to the root; returns their paths."""
        outcomes = self._outcomes(root)
        budget = self._settings.budget
        seconds = sum(outcome.training_seconds for outcome in outcomes.values())
        content = page.ComparisonPage(
            f"Rows compared on {self._data.name}",
            command,
            (
                ("data", self._counts()),
                (
                    "budget",
                    f"{budget.epochs} epochs of {self._settings.batch.size} clips × "
                    f"{self._settings.batch.captions} captions, at most {budget.units} "
                    "units",
                ),
                (
                    "trainings",
                    f"{len(outcomes)}, in {seconds / 3600:.1f} hours of them",
                ),
                ("machine", f"{os.cpu_count()} cores, {platform.machine()}"),
            ),
            parts,
        )
        paths = []
        for render, suffix in ((page.markdown, "md"), (page.html, "html")):
            paths.append(os.path.join(root, f"{self._data.name}.{suffix}"))
            storage.write(paths[-1], render(content))
        return paths

    def _outcomes(self, root: str) -> dict[Task, Outcome]:
        found = {
            task: Outcome.read(task.folder(root), task.digest) for task in self.tasks
        }
        return {task: outcome for task, outcome in found.items() if outcome is not None}

    def _counts(self) -> str:
        counts = {
            name: len(self._data.split(name).clips) for name in ("train", "val", "test")
        }
        return ", ".join(f"{count:,} clips to {name}" for name, count in counts.items())
