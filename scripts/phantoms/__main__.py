"""Write a data set of phantoms: ``python -m scripts.phantoms --output_dir DIR --count N --seed S``."""

import argparse
from dataclasses import replace
from pathlib import Path

from scripts.errors import show_user_errors_in_one_line

from .data_set import PATIENTS_A_CLASS, TASKS, write_data_set
from .population import POPULATIONS, Population


def main() -> None:
    """Read the arguments, write the data set, print where it is."""
    parser = argparse.ArgumentParser(prog="python -m scripts.phantoms", description=__doc__)
    parser.add_argument("--output_dir", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--count",
        type=int,
        default=60,
        help=f"scans, at least {PATIENTS_A_CLASS} a class (default: %(default)s)",
    )
    parser.add_argument(
        "--task", choices=TASKS, default="pneumonia", help="what the classes are (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything (default: %(default)s)")
    parser.add_argument(
        "--size", type=int, nargs=3, metavar=("R", "A", "S"), help="voxels of every scan (default: drawn)"
    )
    parser.add_argument(
        "--population", choices=POPULATIONS, default="adults", help="whom to draw from (default: %(default)s)"
    )
    severities = Population().severities
    parser.add_argument(
        "--severity", nargs="+", choices=severities, help="of the diseased (default: the population's)"
    )
    parser.add_argument("--workers", type=int, help="processes (default: all cores)")
    parser.add_argument("--overwrite", action="store_true", help="replace a data set with other settings")
    options = parser.parse_args()
    show_user_errors_in_one_line()
    population = POPULATIONS[options.population]
    if options.severity and options.task == "severity":
        parser.error("--severity: with --task severity each class has its own")
    if options.severity:
        population = replace(population, severities=tuple(options.severity))
    datalist = write_data_set(
        options.output_dir,
        options.count,
        options.seed,
        shape=options.size,
        workers=options.workers,
        population=population,
        task=options.task,
        overwrite=options.overwrite,
        progress=True,
    )
    print(datalist)


if __name__ == "__main__":
    main()
