"""What was typed after ``monai.bundle run``: read as MONAI reads it, but that names stay names, and checked.

``python -m scripts run`` takes the same words. There what is wrong is said before MONAI begins; under
``python -m monai.bundle run`` our code is first reached by :func:`begin_run`, the first step of every run.
"""

import ast
import difflib
import inspect
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fire
from monai.bundle import ConfigParser, update_kwargs
from monai.bundle import run as monai_run
from yaml import YAMLError

from scripts import bundle_root
from scripts.errors import UserError, keep_reports_in, show_user_errors_in_one_line, typed, words_for
from scripts.flags import check_name, config_value, describe_flags, is_name

__all__ = [
    "PROGRAM",
    "CommandLine",
    "base_configs",
    "begin_run",
    "check_order",
    "find_config",
    "main",
    "running_config",
]

PROGRAM = "python -m scripts run"
MODULE = str(Path("monai", "bundle", "__main__.py"))
MONAI_FLAGS = set(inspect.signature(monai_run).parameters)
SEVERAL = ("config_file", "scans", "ckpt_path", "recipe", "also")  # flags that take several names
BASE_KEY = "bundle_root"  # every base has it, no overlay
CONFIGS = Path(bundle_root(), "configs")


@dataclass(frozen=True)
class CommandLine:
    """What is read off a command line.

    Attributes:
        files: the configs, in the order in which they are merged.
        metadata: its file.
        overrides: value by flag; ``a::b`` reaches into a section. Names are text, or lists of it.
        options: MONAI's own flags, such as ``run_id`` and ``tracking``.
    """

    files: tuple[str, ...]
    metadata: str | Path
    overrides: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, arguments: Sequence[str]) -> "CommandLine | None":
        """Read a process's arguments; None where they are not those of a run, or name no config.

        Args:
            arguments: ``sys.argv``.

        Raises:
            UserError: a word belongs to no flag, or a config is not there.
        """
        program, *words = arguments
        ours = program == PROGRAM
        if not ours and not (program.endswith(MODULE) and words[:1] == ["run"]):
            return None
        seen = _read(words if ours else words[1:], several=ours)
        named = seen.pop("config_file", None)
        if named is None:
            return None
        files = tuple(named if isinstance(named, list) else [named])
        if len(files) == 1 and ours and not Path(files[0]).exists():
            files = tuple(filter(None, re.split(r"[,\s]+", files[0])))
        if ours:
            files = tuple(str(find_config(file)) for file in files)
        metadata = seen.pop("meta_file", None) or Path(files[0]).parent / "metadata.json"
        options = {name: seen.pop(name) for name in MONAI_FLAGS & seen.keys()}
        return cls(files, metadata, seen, options)

    def configs(self) -> ConfigParser:
        """Return the merged configs, without the overrides.

        Raises:
            UserError: a config or the metadata cannot be read.
        """
        for file in self.files:
            _load(file)
        parser = ConfigParser()
        parser.read_config(list(self.files))
        for found in self.metadata if isinstance(self.metadata, list) else [self.metadata]:
            _load(found)
        parser.read_meta(self.metadata)
        return parser

    def pairs(self) -> dict[str, Any]:
        """Return what the flags set, as a config takes it, by key.

        Raises:
            UserError: as :meth:`configs`; or a flag is in no config, has another type than there, or is a
                count below its least.
        """
        configs = self.configs()
        for flag in self.overrides:
            check_name(flag, configs.get(), self.files)
        return {flag: config_value(flag, value, configs.get(flag)) for flag, value in self.overrides.items()}

    def resolved_config(self) -> dict[str, Any]:
        """Return the configs with the overrides applied."""
        parser = self.configs()
        parser.update(pairs=self.pairs())
        return parser.get()

    @staticmethod
    def text() -> str:
        """Return this process's own command, to be typed again."""
        program = PROGRAM if sys.argv[0] == PROGRAM else "python -m monai.bundle"
        return f"{program} {typed(sys.argv[1:])}"


def check_order(files: Sequence[str]) -> None:
    """Make sure that the first config is a base, and all others are overlays.

    An overlay before its base is overruled by it in silence, or fails on a section that is not there yet.

    Args:
        files: the configs, in the order in which they are merged.

    Raises:
        UserError: the order is another, or there is no base or more than one; or a file cannot be read.
    """
    bases = [file for file in files if BASE_KEY in _load(file)]
    overlays = [file for file in files if file not in bases]
    if bases == [files[0]]:
        return
    if not bases:
        raise UserError(
            f"{', '.join(files)}: an overlay alone; a base such as configs/train.yaml comes first"
        )
    if len(bases) > 1:
        raise UserError(f"{' and '.join(bases)} are both bases; name one of them, and then overlays")
    raise UserError(
        f"{files[0]} comes before its base {bases[0]}, which would overrule it; "
        f"expected {_list_form([*bases, *overlays])}"
    )


def base_configs() -> list[Path]:
    """Return the bundle's configs that stand alone; all others are overlays of one of them."""
    starts = re.compile(f"^{BASE_KEY}:", re.MULTILINE)
    return [
        file for file in sorted(CONFIGS.glob("*.yaml")) if starts.search(file.read_text(encoding="utf-8"))
    ]


def find_config(name: str | Path, what: str = "config") -> Path:
    """Return the file of a config as people type it: without its folder, its ending, or ``recipe_``.

    Args:
        name: ``configs/recipe_demo.yaml``, ``recipe_demo`` or ``demo``.
        what: it is, for the message.

    Raises:
        UserError: there is no such file; the message has the nearest.
    """
    path = Path(name)
    folders = [path.parent, *([CONFIGS] if path.parent.name in ("", "configs") else [])]
    for folder in folders:
        for start in ("", "recipe_"):
            for ending in ("", ".yaml", ".yml", ".json"):
                if (found := folder / f"{start}{path.name}{ending}").is_file():
                    here = Path.cwd()
                    return found.relative_to(here) if found.is_relative_to(here) else found
    if path.is_dir():
        raise UserError(f"{name}: a folder; name a {what} in it")
    there = sorted(file.stem for file in CONFIGS.glob("recipe_*.yaml" if what == "recipe" else "*.yaml"))
    short_names = {short: stem for stem in there for short in (stem.removeprefix("recipe_"), stem)}
    alike = difflib.get_close_matches(path.stem, short_names, n=1)
    advice = f"did you mean {short_names[alike[0]]}? " if alike else ""
    raise UserError(f"{name}: no such {what}; {advice}configs/ has {', '.join(there)}")


def running_config() -> ConfigParser:
    """Return the config that is being resolved: that of the part which calls this while it is built.

    MONAI hands a part its arguments, never the config that it stands in; yet what a model file says of the
    network, and whether a flag contradicts it, is written there and nowhere else.

    Raises:
        RuntimeError: no config is being resolved.
    """
    frame = inspect.currentframe()
    while frame is not None:
        found = frame.f_locals.get("self")
        if isinstance(found, ConfigParser):
            return found
        frame = frame.f_back
    raise RuntimeError("no config is being resolved: call this from a part of one")


def begin_run() -> None:
    """Show a user's errors in one line from here on, and make every flag mean what it says.

    MONAI adds a flag that no config knows as a new key, which nothing reads: a misspelt ``--max_epoch 5``
    would train 300; it runs a name that begins with ``$``, and takes ``2024`` for a number. This is the first
    step of every run, before a flag is resolved; programs that host the bundle are left alone, and so are
    runs made of runs, whose parts have the flags that they are given.

    Raises:
        UserError: a flag is in no config, has another type than there, or is a count below its least.
        SystemExit: after ``--help``.
    """
    show_user_errors_in_one_line()
    command_line = CommandLine.of(sys.argv)
    if command_line is None:
        return
    if "help" in command_line.overrides:
        print(describe_flags(command_line.files))
        raise SystemExit(0)
    check_order(command_line.files)
    running = running_config()
    if not _is_own(running, command_line):
        return
    changed = {key: value for key, value in command_line.pairs().items() if running.get(key) != value}
    if changed:
        running.update(pairs=changed)
        running.parse(reset=True)
    if "output_dir" in running:
        keep_reports_in(running.get_parsed_content("output_dir"))


def main() -> None:
    """Run what ``python -m monai.bundle run`` runs, from the same words; every mistake is one line."""
    show_user_errors_in_one_line()
    command_line = CommandLine.of(sys.argv)
    if command_line is None and not {"-h", "--help"} & set(sys.argv):
        raise UserError(f"--config_file is missing, such as configs/train.yaml; {PROGRAM} --help lists them")
    if command_line is None or "help" in command_line.overrides:
        print(describe_flags(command_line.files) if command_line else _usage())
        return
    check_order(command_line.files)
    pairs, known = command_line.pairs(), command_line.configs().get()
    runs = [key for key, value in known.items() if key != "run" and _begins_run(value)]
    run_id = command_line.options.get("run_id", "run")
    if run_id not in known:
        raise UserError(
            f"{run_id}: no such run in {', '.join(command_line.files)}; expected {' or '.join(runs)}"
        )
    options = {**command_line.options, "run_id": run_id, "meta_file": command_line.metadata}
    monai_run(config_file=list(command_line.files), **options, **pairs)


def _is_own(running: ConfigParser, command_line: CommandLine) -> bool:
    """Say whether a config is the command's own, not one that a part of the run made."""
    return all(key in running for key in ConfigParser.load_config_file(command_line.files[0]))


def _begins_run(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and begin_run.__name__ in str(value[0])


def _usage() -> str:
    told = [f"  {file.name:24}{_first_sentence(file)}" for file in base_configs()]
    return "\n".join(
        [
            f"usage: {PROGRAM} RUN --config_file CONFIG [OVERLAY ...] [--flag value ...]",
            "The words are those of `python -m monai.bundle run`; --help after them lists a config's flags.",
            "",
            "configs:",
            *told,
        ]
    )


def _first_sentence(file: Path) -> str:
    return re.split(r"[.:](?:\s|$)", file.read_text(encoding="utf-8"), maxsplit=1)[0][2:]


def _load(file: str | Path) -> dict[str, Any]:
    """Read a config.

    Raises:
        UserError: it is not there, no YAML or JSON, or not a table of keys.
    """
    try:
        content = ConfigParser.load_config_file(file)
    except OSError as error:
        raise UserError(f"{file}: {words_for(error)}; a config is expected") from None
    except YAMLError as error:
        raise UserError(f"{file}: not YAML ({' '.join(str(error).split())})") from None
    except ValueError as error:  # another ending, a key twice, or no JSON
        raise UserError(f"{file}: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{file}: not a config; expected keys and values, such as max_epochs: 5")
    return content


def _read(words: Sequence[str], several: bool) -> dict[str, Any]:
    """Return value by flag: names as they are typed, anything else as MONAI gets it from Fire.

    Args:
        words: that were typed after ``run``.
        several: take what the shell makes of ``--scans folder/*``; else the list form is asked for.
    """
    names: dict[str, Any] = {}
    flags: list[str] = []
    bare: list[str] = []
    index = 0
    while index < len(words):
        word, index = words[index], index + 1
        if not _is_flag(word):
            bare.append(word)
            continue
        key, equals, value = word.lstrip("-").partition("=")
        key = "help" if key == "h" else key.replace("-", "_")
        following = [] if equals else words[index : _next_flag(words, index)]
        given = [value] if equals else list(following if key in SEVERAL else following[:1])
        index += 0 if equals else len(given)
        if len(given) > 1 and not bare and given[-1].isidentifier() and not Path(given[-1]).exists():
            bare.append(given.pop())  # --config_file FILE training
        if len(given) > 1 and not several:
            raise UserError(f"--{key} has {len(given)} words; quote them: --{key} {_list_form(given)}")
        if not is_name(key):
            flags.append(f"--{key}={given[0]}" if given else f"--{key}")
        elif given:
            names[key] = given if len(given) > 1 else _names(given[0])
        else:
            raise UserError(f"--{key}: a name is expected after it")
    if len(bare) > 1:
        raise UserError(f"{bare[1]!r} belongs to no flag; a value with blanks is quoted")
    typed: dict[str, Any] = {**({"run_id": bare[0]} if bare else {}), **_by_fire(flags), **names}
    seen = update_kwargs(typed.pop("args_file", None), **typed)
    return {key: _text(value) if is_name(key) else value for key, value in seen.items()}


def _by_fire(flags: Sequence[str]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    fire.Fire(lambda **given: seen.update(given), command=list(flags))
    return seen


def _names(word: str) -> str | list[str] | None:
    """Return a name, or the names of a list such as ``['a','b']`` or ``[a,b]``; None for ``None``."""
    if word == "None":
        return None
    try:
        value = ast.literal_eval(word) if word[:1] in "[('\"" else word
    except (SyntaxError, ValueError):
        value = word
    if isinstance(value, (list, tuple)):
        return [str(name) for name in value]
    if isinstance(value, str) and value[:1] == "[" and value[-1:] == "]" and not Path(value).exists():
        return [name.strip(" '\"") for name in value[1:-1].split(",")]
    return str(value)


def _text(value: Any) -> Any:
    """Return names as text: a file of arguments may have numbers."""
    if isinstance(value, (list, tuple)):
        return [str(name) for name in value]
    return value if value is None else str(value)


def _is_flag(word: str) -> bool:
    return word.startswith("--") or re.match(r"-[a-zA-Z]", word) is not None


def _next_flag(words: Sequence[str], start: int) -> int:
    return next((place for place in range(start, len(words)) if _is_flag(words[place])), len(words))


def _list_form(names: Sequence[str]) -> str:
    quoted = ",".join(f"'{name}'" for name in names)
    return f'"[{quoted}]"'
