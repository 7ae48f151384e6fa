"""The command line: python -m parley_train COMMAND RECIPE RUN ..."""

import argparse
import pathlib
import sys

from .errors import InputError
from .recipe import read_recipe


def _arguments(argv):
    parser = argparse.ArgumentParser(
        prog="parley_train", description="From conversations to a model that chats in the page."
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name, help):
        one = commands.add_parser(name, help=help)
        one.add_argument("recipe", type=pathlib.Path, help="a TOML file")
        one.add_argument("run", type=pathlib.Path, help="the folder where all that belongs to this run is kept")
        return one

    one = command("prepare", "files of conversations into a tokenizer and packed tokens")
    one.add_argument("files", type=pathlib.Path, nargs="+", help=".jsonl, .tsv (question, answer) or .txt")
    one = command("train", "train, or go on from where the run was interrupted")
    one.add_argument("--device", default="cpu", help="cpu unless given; cuda where PyTorch has it")
    one.add_argument(
        "--precision", choices=["auto", "f32", "bf16"], default="auto", help="auto: bf16 where the processor has it"
    )
    one.add_argument(
        "--compile", action="store_true", help="let torch.compile fuse element-wise passes; needs a C++ compiler"
    )
    one.add_argument(
        "--stop-after",
        type=int,
        metavar="STEP",
        help="stop here and keep the state; the rates still follow the whole run",
    )
    command("evaluate", "loss and perplexity by source, and replies to fixed openings")
    one = command("export", "a Hugging Face folder, a GGUF file, and with --bundle parts and a catalog entry")
    one.add_argument("--parley", type=pathlib.Path, help="the native program; build/native/parley unless given")
    one.add_argument(
        "--bundle",
        type=pathlib.Path,
        metavar="MODELS",
        help="write the parts and the entry into this folder with a catalog",
    )
    return parser.parse_args(argv)


def _trained(recipe, run):
    import torch

    from . import tokens
    from .train import model_for

    path = run / "state.pt"
    if not path.exists():
        raise InputError(f"{run}: train it first")
    model = model_for(recipe, run)
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    return model.eval(), tokens.read_folder(run / "tokenizer"), state["step"]


def _run(arguments) -> None:
    recipe = read_recipe(arguments.recipe)
    if arguments.command == "prepare":
        from .prepare import prepare

        prepare(recipe, arguments.files, arguments.run)
    elif arguments.command == "train":
        from .train import train

        train(recipe, arguments.run, arguments.device, arguments.precision, arguments.compile, arguments.stop_after)
    elif arguments.command == "evaluate":
        from .evaluate import evaluate

        model, tokenizer, _ = _trained(recipe, arguments.run)
        evaluate(model, tokenizer, arguments.run, recipe.export.preset)
    else:
        from .export import export

        export(recipe, *_trained(recipe, arguments.run), arguments.run, arguments.parley, arguments.bundle)


def main(argv=None) -> int:
    try:
        _run(_arguments(argv))
    except InputError as error:
        print(f"parley_train: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
