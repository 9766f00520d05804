"""`make bench-train`: training beside scikit-learn, from arrays and from a file, and how its cost grows.

The order of a run is here; what is run, how it is measured and how it is told is not.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from models.cores import usable_cores
from tests.bench import cpu
from tests.bench.training import table
from tests.bench.training.process import ROOT, run
from tests.bench.training.table import OURS, PEER, Command, Search

INPUTS = 30
BY_ROWS = (10_000, 100_000, 1_000_000, 10_000_000)
OF_INPUTS = (10, 30)
BY_INPUTS = (10, 30, 100, 300)
OF_ROWS = 100_000
QUICK = {"rows": 20_000, "rounds": 1, "by_rows": (1_000, 10_000), "by_inputs": (10, 30), "of_rows": 5_000}


def main() -> int:
    """Measure, print the tables, write the JSON and, of a whole run, draw."""
    options = _options()
    cores, load = usable_cores(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        _say(f"{options.rows:,} rows of {INPUTS} inputs from arrays, {options.rounds} rounds")
        shape = map(str, (options.rows, INPUTS, options.rounds))
        told = json.loads(run("tests.bench.training.arrays", *shape, cores=cores)[1])
        searches = [Search(**each) for each in told]
        files = _files(options, place, cores)
        first = [
            Command(
                number, OURS, 0, 0, run("training", "--quiet", "--store", place / f"{number}", cores=cores)[0]
            )
            for number in range(options.rounds)
        ]
        by_rows = [_alone(place, rows, inputs, cores) for inputs in OF_INPUTS for rows in options.by_rows]
        by_inputs = [_alone(place, options.of_rows, inputs, cores) for inputs in options.by_inputs]
    machine = (
        f"{cores} cores of {cpu.model()}; load {load:.1f} before and {os.getloadavg()[0]:.1f} at the end;"
        f" Python {platform.python_version()}"
    )
    taken = {"files": files, "first": first, "by_rows": by_rows, "by_inputs": by_inputs}
    return _report(options, machine, searches, taken)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.bench.training", description=__doc__)
    parser.add_argument(
        "--rounds",
        default=5,
        type=int,
        metavar="N",
        help="each figure is the median of so many (%(default)s)",
    )
    parser.add_argument(
        "--rows", default=1_000_000, type=int, metavar="N", help="rows that both learn from (%(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "results" / "bench-train.json", help="where the JSON goes"
    )
    parser.add_argument(
        "--quick", action="store_true", help="one round of few rows, no plots: does it run at all?"
    )
    parser.set_defaults(by_rows=BY_ROWS, by_inputs=BY_INPUTS, of_rows=OF_ROWS)
    options = parser.parse_args()
    if options.quick:
        vars(options).update(QUICK)
    return options


def _files(options: argparse.Namespace, place: Path, cores: int) -> list[Command]:
    """Measure both commands on the same file, in turn."""
    file, found = place / "rows.parquet", []
    run("tests.bench.training.rows", file, str(options.rows), str(INPUTS), cores=cores)
    for number in range(options.rounds):
        _say(f"{options.rows:,} rows of {INPUTS} inputs from a file, round {number + 1} of {options.rounds}")
        ours = ("training", "--data", file, "--target", "y", "--quiet", "--store", place / f"files-{number}")
        theirs = ("tests.bench.training.by_pandas", file, place / "model.joblib")
        for who, command in ((OURS, ours), (PEER, theirs)):
            found.append(Command(number, who, options.rows, INPUTS, run(*command, cores=cores)[0]))
    file.unlink()
    return found


def _alone(place: Path, rows: int, inputs: int, cores: int) -> Command:
    """Measure training on rows of its own."""
    _say(f"{rows:,} rows of {inputs} inputs")
    with tempfile.TemporaryDirectory(dir=place) as directory:
        file = Path(directory) / "rows.parquet"
        run("tests.bench.training.rows", file, str(rows), str(inputs), cores=cores)
        cost, _ = run(
            "training", "--data", file, "--target", "y", "--quiet", "--store", directory, cores=cores
        )
    return Command(0, OURS, rows, inputs, cost)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def _report(
    options: argparse.Namespace, machine: str, searches: list[Search], taken: dict[str, list[Command]]
) -> int:
    titles = {
        "files": "From a Parquet file to a published version",
        "first": "The default data (rows and inputs: 0)",
        "by_rows": "By rows",
        "by_inputs": "By inputs",
    }
    command = f"python -m tests.bench.training --rounds {options.rounds} --rows {options.rows}"
    command += " --quick" * options.quick
    tables = [table.searches(searches), table.verdict(searches)]
    tables += [table.commands(titles[name], each) for name, each in taken.items()]
    sys.stdout.write(f"`{command}`\n\n{machine}\n\n" + "\n\n".join(tables) + "\n")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    told = {"searches": searches, **taken}
    document = {"command": command, "machine": machine} | {
        name: [asdict(one) for one in each] for name, each in told.items()
    }
    options.out.write_text(json.dumps(document, indent=1) + "\n")
    if not options.quick:
        from tests.bench.training import plots  # noqa: PLC0415 - heavy, and all has been measured

        plots.draw(taken["by_rows"], taken["by_inputs"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
