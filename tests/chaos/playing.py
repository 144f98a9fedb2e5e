"""Plays scenarios, on stacks that start when they are needed."""

import shutil
import tempfile
import uuid
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self

from chaos.check import Report, check
from chaos.scenarios import Props, Scenario
from chaos.scene import ENV, Scene
from triptych.local import Stack, StackOptions, running_stack
from triptych.local.options import ELASTICSEARCH, PART_NAMES


class Theatre:
    """The stack of an index, kept for the next scenario unless one fails on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._exits = ExitStack()
        self._stack: Stack | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the stack."""
        self._exits.close()
        self._stack = None

    def play(self, scenario: Scenario, items: int | None = None) -> Report:
        """Play a scenario and check what has become of its items."""
        stack, props = self._open(scenario)
        name = f"{scenario.name.replace('_', '-')}-{uuid.uuid4().hex[:6]}"
        scene = Scene(stack, name, items or scenario.items, props=props)
        try:
            scenario.play(scene)
            report = _with_failing(check(scene), scenario.failing)
        except BaseException:
            self._keep_logs(scenario)
            self.close()
            raise
        finally:
            scene.close()
        if report.judgement.problems:
            self._keep_logs(scenario)
        if report.judgement.problems or scenario.own:
            self.close()
        return report

    def _open(self, scenario: Scenario) -> tuple[Stack, Props]:
        if self._stack is not None and (scenario.own or self._stack.index != scenario.index):
            self.close()
        props = Props()
        if scenario.stage is not None:
            props = scenario.stage(self._exits, self._folder)
        if self._stack is None:
            not_ours = {ELASTICSEARCH} if "TRIPTYCH_INDEX_URL" in props.env else set()
            options = StackOptions(
                name="chaos",
                data=self._folder / "stack",
                port=0,
                index=scenario.index,
                keep=False,
                env={**ENV, **props.env},
                parts=tuple(part for part in PART_NAMES if part not in not_ours),
            )
            self._stack = self._exits.enter_context(running_stack(options))
        return self._stack, props

    def _keep_logs(self, scenario: Scenario) -> None:
        assert self._stack is not None
        folder = Path(tempfile.mkdtemp(prefix=f"chaos-{scenario.name}-"))
        shutil.copytree(self._stack.home / "logs", folder, dirs_exist_ok=True)
        (folder / "README").write_text(f"logs of {scenario.fault}")


def _with_failing(report: Report, failing: int) -> Report:
    """The report, with a problem if other items failed than had to."""
    judgement = report.judgement
    if judgement.failed + judgement.quarantined == failing:
        return report
    problem = f"{failing} items were to fail"
    return replace(report, judgement=replace(judgement, problems=(*judgement.problems, problem)))
