"""The course's commands: `python -m grading COMMAND`; the Makefile has a name for each."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nbproof.run.kernel import KernelFailure

from grading.problem_set import SOURCES, ProblemSet, names


def sets_named(wanted: list[str], folder: Path) -> list[ProblemSet]:
    return [ProblemSet.read(name, folder) for name in wanted or names(folder)]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="grading", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)

    release = commands.add_parser("release", help="write what students get of each problem set")
    release.add_argument("course", type=Path, help="the folder in which nbgrader keeps its things")

    grade = commands.add_parser("grade", help="grade a folder of hand-ins, one folder for each student")
    grade.add_argument("submissions", type=Path)
    grade.add_argument("course", type=Path, help="the folder of the gradebook")
    grade.add_argument("--scheduler", default="", help="of Dask, such as tcp://host:8786")
    grade.add_argument("--jobs", type=int, default=0, help="hand-ins at a time; else one for each core")
    grade.add_argument("--unsafe", action="store_true", help="run them without a box")

    check = commands.add_parser("check", help="check one's own notebook, as the public part of grading does")
    check.add_argument("notebook", type=Path)

    example = commands.add_parser("example", help="make a class of thirty hand-ins to try it on")
    example.add_argument("folder", type=Path)

    mutate = commands.add_parser("mutate", help="wrong answers, one at a time: do they lose their marks?")
    mutate.add_argument("--results", type=Path, default=None, help="a JSON file for the figures")
    mutate.add_argument("--jobs", type=int, default=0)

    bench = commands.add_parser("bench", help="how long grading takes, beside nbgrader alone")
    bench.add_argument("--counts", type=int, nargs="+", default=[25, 50, 100])
    bench.add_argument("--plain", type=int, default=10, help="hand-ins for nbgrader alone")

    for command in (release, grade, check, example, mutate, bench):
        command.add_argument("--set", nargs="*", default=[], dest="sets", help="only these problem sets")
        command.add_argument("--sources", type=Path, default=SOURCES, help="the folder of source notebooks")
    args = parser.parse_args(argv)
    try:
        sets = sets_named(args.sets, args.sources)
        return run(args, sets)
    except (ValueError, RuntimeError, OSError, KernelFailure) as error:
        print(f"grading {args.command}: {error}", file=sys.stderr)
        return 1


def run(args: argparse.Namespace, sets: list[ProblemSet]) -> int:
    """Start a command; each brings its own imports, of which nbgrader's and Dask's take a second."""
    if args.command == "release":
        from grading.release import release_all

        return release_all(args.course.resolve(), sets)
    if args.command == "grade":
        from grading.batch import grade

        how = {"scheduler": args.scheduler or None, "jobs": args.jobs or None, "unsafe": args.unsafe}
        return grade(args.submissions.resolve(), args.course.resolve(), sets, **how)
    if args.command == "check":
        from grading.check import check

        return check(args.notebook, sets)
    if args.command == "example":
        from grading.example import make

        return make(args.folder, sets)
    if args.command == "bench":
        from grading.bench import main as measure

        return measure(sets, args)
    from grading.mutate import mutate

    return mutate(sets, args.results, args.jobs or None)


if __name__ == "__main__":
    sys.exit(main())
