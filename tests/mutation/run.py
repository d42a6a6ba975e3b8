"""Mutation testing: change the calculus in every small way that cosmic-ray knows, and see that a test notices each.

    python tests/mutation/run.py [--session FILE] [--module PATH ...] [--workers N] [--again]

The mutants are cosmic-ray's, and so is the session file: `cr-report`, `cr-html` and `cosmic-ray dump` read it, and a
run that was stopped goes on where it was. But they are not written into the source files: each mutant is tried in a
forked process that has pytest and mpmath in memory already and imports the mutant in place of the module, which is
ten times as fast as a new process and leaves the checkout alone.

Exits with 1 if a mutant survives, or takes too long, that is not listed in `equivalent.toml`, or if a listed one is
killed or is no mutant at all any more. Needs cosmic-ray and a system that can fork.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from cosmic_ray.commands.init import init
from cosmic_ray.config import load_config
from cosmic_ray.modules import find_modules
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkItem, WorkResult
from mutants import HERE, ROOT, Mutant, listed
from trials import TIMEOUT, Plan, failing, found, started


def tried(items: Sequence[WorkItem], plan: Plan, workers: int) -> Iterator[tuple[WorkItem, Mutant, str]]:
    """Try mutants, some at a time: each with the test that noticed it, "" for none, or `TIMEOUT`."""
    waiting, running = list(reversed(items)), {}
    while waiting or running:
        while waiting and len(running) < workers:
            item = waiting.pop()
            pid, pipe = started(item, plan)
            running[pid] = item, pipe
        pid, status = os.wait()
        item, pipe = running.pop(pid)
        yield item, *found(status, pipe)


def start(session: WorkDB, modules: Sequence[str]) -> None:
    """Put all mutants into a session, if it is new."""
    if not session.num_work_items:
        init([p.relative_to(ROOT) for p in find_modules([ROOT / m for m in modules])], session, {})


def run(session: WorkDB, plan: Plan, workers: int, again: bool) -> None:
    """Try the mutants of a session that have not been tried, or those that survived too."""
    done = {job for job, r in session.results if not (again and r.test_outcome == TestOutcome.SURVIVED)}
    items = sorted(session.work_items, key=lambda i: (str(i.mutations[0].module_path), i.mutations[0].start_pos))
    todo = [item for item in items if item.job_id not in done]
    begun = time.monotonic()
    for count, (item, mutant, noticed) in enumerate(tried(todo, plan, workers), 1):
        outcome = TestOutcome.KILLED if noticed else TestOutcome.SURVIVED
        session.set_result(item.job_id, WorkResult(WorkerOutcome.NORMAL, noticed, outcome, str(mutant)))
        if not noticed or noticed == TIMEOUT or count % 100 == 0:
            spent = time.monotonic() - begun
            print(f"[{count}/{len(todo)}, {spent:.0f} s] {noticed or 'survived'}: {mutant}", flush=True)


def judge(session: WorkDB) -> int:
    """Compare what was found with the list; print what differs and a table of the counts."""
    counts: Counter[tuple[str, str]] = Counter()
    kinds: dict[str, set[Mutant]] = {"killed": set(), "equivalent": set(), "endless": set()}
    for _, result in session.results:
        mutant = Mutant.read(str(result.diff))
        survived = result.test_outcome == TestOutcome.SURVIVED
        kind = "equivalent" if survived else "endless" if result.output == TIMEOUT else "killed"
        counts[mutant.module, kind] += 1
        kinds[kind].add(mutant)
    modules, wrong = sorted({m for m, _ in counts}), 0
    for kind, title in (("equivalent", "Survived"), ("endless", "Took too long")):
        expected = {m for m in listed(kind) if m.module in modules}
        if kind == "endless":  # what takes for ever on one machine fails for want of memory on another
            expected -= kinds["killed"]
        for mutant in sorted(kinds[kind] - expected):
            print(f"{title}, and is not listed: {mutant}")
        for mutant in sorted(expected - kinds[kind]):
            print(f"Listed as {kind}, yet killed or gone: {mutant}")
        wrong += len(kinds[kind] ^ expected)
    print(f"\n{'module':32}{'mutants':>9}" + "".join(f"{kind:>12}" for kind in kinds))
    for m in modules:
        numbers = [counts[m, kind] for kind in kinds]
        print(f"{m:32}{sum(numbers):9}" + "".join(f"{n:12}" for n in numbers))
    print(f"{wrong} differences from the list")
    return 1 if wrong else 0


def main() -> int:
    """Read the command line; make or resume the session, and judge it."""
    parser = argparse.ArgumentParser(description="Mutation testing of the calculus.")
    parser.add_argument("--session", type=Path, default=Path("mutation.sqlite"), help="cosmic-ray's session file")
    parser.add_argument("--module", action="append", help="only this file or folder (repeatable)")
    parser.add_argument("--workers", type=int, default=1, help="how many mutants are tried at a time")
    parser.add_argument("--again", action="store_true", help="try the survivors of the session once more")
    given = parser.parse_args()
    config = load_config(str(HERE / "cosmic-ray.toml"))
    session_file = given.session.resolve()
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    sys.dont_write_bytecode = False  # or every process would compile the whole project
    plan = Plan(config["tests"], config["keep"], config["seconds"])
    if failed := failing(plan.tests):
        sys.exit(f"a test fails without any mutation: {failed}")
    gc.freeze()  # the children need not copy what is there already
    with use_db(str(session_file)) as session:
        start(session, given.module or config["module-path"])
        run(session, plan, given.workers, given.again)
        return judge(session)


if __name__ == "__main__":
    sys.exit(main())
