"""The command line: one subcommand a job, no logic of its own.

Exit 0 done, 1 done but somebody should look (rows quarantined, hints given, no promotion, an alarm,
a replay that differs), 2 unusable
input, said in one line.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from cardrisk._version import __version__
from cardrisk.errors import CardriskError

Add = Callable[..., Any]

_TABLES_IN = {"train", "evaluate", "rolling", "report", "monitor"}
"""Jobs that learn from tables or measure on them: rows left out are named in ``OUT.quarantine``, where there is an OUT;
exit 1."""

_ALONE = {"score"}
"""Jobs that are told that their process runs nothing else: they may fork workers from it."""

_EXITS = (
    "Exit 0 done; 1 done, but somebody should look: rows quarantined, hints given, no promotion, an alarm, a replay "
    "that differs; 2 unusable input, said in one line."
)

_PROPENSITY = "scores given at the time: cards weigh the inverse of the chance with which they were let through"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Parameters
    ----------
    argv
        Arguments after the program's name; those of the process when omitted.

    Returns
    -------
    int
        0 done, 1 some rows quarantined, 2 unusable input.
    """
    args = vars(_parser().parse_args(argv))
    run = args.pop("run")
    if args.pop("verbose"):
        logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        return int(run(**args))
    except CardriskError as error:
        return _say(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _say("interrupted; nothing was half-written. A scoring job in pieces goes on when called again") + 128
    except OSError as error:
        return _say(f"{error.filename or 'input'}: {error.strerror or type(error).__name__}")


def _say(message: str) -> int:
    sys.stderr.write(f"cardrisk: {' '.join(message.split())}\n")
    return 2


def _job(module: str) -> Callable[..., int]:
    """The ``run`` of a job, imported when it is called: ``cardrisk --help`` stays quick."""

    def run(**args: Any) -> int:
        from importlib import import_module

        from cardrisk.jobs.leftout import left_out

        args |= {"alone": True} if module in _ALONE else {}
        with left_out() as told:
            code = int(import_module(f"cardrisk.jobs.{module}").run(**args))
        return max(code, told.write(args.get("out"))) if module in _TABLES_IN else code

    return run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "cardrisk", description="Will a prepaid card fail activation, why, and what to do.", epilog=_EXITS
    )
    parser.add_argument("--version", action="version", version=f"cardrisk {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> Add:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=_job(name))
        sub.add_argument("--verbose", action="store_true", help="log at DEBUG on standard error")
        return sub.add_argument

    for fill in (_demo, _generate, _train, _evaluate, _rolling, _score, _check, _report, _promote, _monitor, _replay):
        fill(command)
    return parser


def _demo(command: Callable[[str, str], Add]) -> None:
    add = command("demo", "The whole road once: world, model, registry, an export file scored, a report.")
    add("--out", default="demo", metavar="DIR", help="where everything goes (default: demo)")
    add(
        "--scale",
        type=float,
        default=0.02,
        help="size of the world; 1 is 190,000 cards a day (default: 0.02)",
    )
    add("--days", type=int, default=56, help="length of the world (default: 56)")
    add("--seed", type=int, default=7)


def _generate(command: Callable[[str, str], Add]) -> None:
    add = command("generate", "Generate a synthetic world of submissions, outcomes and truth.")
    add("--days", type=int, default=30)
    add("--scale", type=float, default=0.1, help="1 is 190,000 cards a day (default: 0.1)")
    add("--seed", type=int, default=7)
    add("--start", default=None, metavar="DATE", help="first day, such as 2026-01-05")
    add(
        "--screening",
        choices=("activated", "raw"),
        default="activated",
        help="after or before the platforms' own",
    )
    add("--scenario", default=None, metavar="FILE", help="a scenario file of one's own")
    add("--workers", type=int, default=1)
    add("--out", required=True, metavar="DIR")


def _train(command: Callable[[str, str], Add]) -> None:
    add = command("train", "Train a model on a DATA folder and log it to MLflow.")
    add("data", metavar="DATA", help="folder with submissions and outcomes (.parquet or .csv)")
    add(
        "--out", default=None, metavar="BUNDLE", help="folder for the model's bundle; one that stands there is replaced"
    )
    add("--register", default=None, metavar="NAME", help="name in the model registry")
    add("--alias", default=None, help="alias to set, such as champion")
    add("--as-of", default=None, metavar="TIME", help="only answers known by then are labels")
    add("--tz", default=None, help="zone of times that carry none, such as Asia/Shanghai")
    add(
        "--store",
        default=None,
        metavar="URI",
        help="MLflow tracking store (default: MLflow's own, else sqlite here)",
    )
    add("--no-track", dest="track", action="store_false", help="do not log to MLflow")
    add("--propensity", default=None, metavar="SCORES", help=_PROPENSITY)
    add("--seed", type=int, default=0)


def _evaluate(command: Callable[[str, str], Add]) -> None:
    add = command("evaluate", "Measure a model on a DATA folder whose answers are known.")
    add("model", metavar="MODEL", help="bundle folder, models:/name@alias, or 'default'")
    add("data", metavar="DATA")
    add("--history", default=None, metavar="DATA", help="earlier tables that feed features")
    add("--tz", default=None)
    add("--out", default=None, metavar="DIR", help="write metrics.json, frames and pictures there")


def _rolling(command: Callable[[str, str], Add]) -> None:
    add = command("rolling", "Learn at several moments of a DATA folder as it would have been, measure what came next.")
    add("data", metavar="DATA")
    add("--history", default=None, metavar="DATA", help="earlier tables that feed features")
    add("--folds", type=int, default=4, help="models trained (default: 4)")
    add("--first-share", type=float, default=0.4, help="share of the cards before the first moment (default: 0.4)")
    add(
        "--gap-days",
        type=float,
        default=None,
        help="cards this young are not learnt from (default: until 99 %% are answered, 7 at most)",
    )
    add("--propensity", default=None, metavar="SCORES", help=_PROPENSITY)
    add("--tz", default=None)
    add("--seed", type=int, default=0)
    add("--out", default=None, metavar="DIR", help="write metrics.json, frames and pictures there")


def _score(command: Callable[[str, str], Add]) -> None:
    add = command("score", "Score a file of cards.")
    add("cards", metavar="IN", help="CSV, Parquet or batch text; or a folder of CSV or Parquet files")
    add("--model", default=None, help="bundle folder or models:/name@alias (default: the shipped bundle)")
    add("--history", default=None, metavar="DATA", help="folder with past submissions and outcomes")
    add(
        "--out",
        required=True,
        metavar="OUT",
        help="scores: .parquet or .csv; quarantined rows go to OUT.quarantine",
    )
    add("--tz", default=None, help="zone of times that carry none, such as Asia/Shanghai")
    add("--encoding", default=None, help="of a CSV file (default: found out)")
    add("--kind", default=None, help="card kind of a batch text")
    add("--face-value", type=float, default=None, help="face value of a batch text, in yuan")
    add("--submitter", default=None, help="submitter of a batch text")
    add("--submitted-at", default=None, help="when a batch text was handed in")
    add("--reasons", choices=("stopped", "all", "none"), default="stopped")
    add("--language", choices=("en", "zh"), default="en")
    add("--engine", choices=("local", "spark"), default="local")
    add("--workers", type=int, default=None, help="processes of the local engine (default: one a core)")


def _check(command: Callable[[str, str], Add]) -> None:
    add = command("check", "Ask the submitter to look again: questions about positions, never a code.")
    add(
        "source",
        nargs="?",
        default="-",
        metavar="FILE",
        help="file of `number secret` lines (UTF-8 or GB18030); - is standard input",
    )
    add("--kind", default=None, help="declared card kind")
    add("--doubt", action="store_true", help="the card was refused: ask also about what is misread most often")
    add("--language", choices=("en", "zh"), default="en")


def _report(command: Callable[[str, str], Add]) -> None:
    add = command("report", "Write an HTML page with pictures: how good a model is on a DATA folder.")
    add("model", metavar="MODEL")
    add("data", metavar="DATA")
    add("--history", default=None, metavar="DATA")
    add("--tz", default=None)
    add("--out", required=True, metavar="FILE", help="the page: .html or .htm")


def _promote(command: Callable[[str, str], Add]) -> None:
    add = command("promote", "Move the champion alias to the challenger, if it is better by the margin.")
    add("name", nargs="?", default="cardrisk", metavar="NAME")
    add("--data", default=None, metavar="DATA", help="a window that both are measured on")
    add("--maturity", type=float, default=21.0, metavar="DAYS", help="age at which an answer is final (default: 21)")
    add("--history", default=None, metavar="DATA")
    add("--margin", type=float, default=0.005, help="average precision to gain (default: 0.005)")
    add("--propensity", default=None, metavar="SCORES", help=_PROPENSITY)
    add("--rollback", action="store_true", help="give the alias back to the champion before")
    add("--store", default=None, metavar="URI")
    add("--tz", default=None)


def _monitor(command: Callable[[str, str], Add]) -> None:
    add = command("monitor", "Drift and matured calibration of scores already given.")
    add("scores", metavar="SCORES", help="what `cardrisk score` wrote")
    add("data", metavar="DATA", help="the same cards with their answers")
    add("--reference", default=None, metavar="SCORES", help="scores to compare with")
    add("--model", default=None, help="recompute a sample of the scores with this model")
    add("--history", default=None, metavar="DATA", help="earlier tables that fed the scores")
    add("--maturity", type=float, default=21.0, metavar="DAYS", help="age at which an answer is final (default: 21)")
    add("--tz", default=None)


def _replay(command: Callable[[str, str], Add]) -> None:
    add = command("replay", "Run a past decision again from its record and compare it bit for bit.")
    add("submission", metavar="SUBMISSION", help="submission_id of the card")
    add("--store", required=True, metavar="URL", help="where its history lives, such as sqlite:///history.db")
    add("--model", default=None, help="bundle folder or models:/name@alias (default: the shipped bundle)")
    add("--history", action="store_true", help="compute its features again from the store's history too")


if __name__ == "__main__":
    sys.exit(main())
