"""Models as files: Hugging Face folders, read and written, and GGUF files of architecture gpt2, read. One dictionary of
weights between.

Hugging Face's GPT-2 keeps its matrices as [inputs, outputs] (Conv1D); `model.py` and GGUF keep [outputs, inputs].
"""

import json
import pathlib

import numpy
import torch
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer, models

from . import tokens
from .errors import InputError
from .model import Config, Gpt2

_CONV1D = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
_PREFIX = "transformer."

# GGUF's names of a layer's tensors, as llama.cpp writes them.
_GGUF_LAYER = {
    "ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output",
    "ln_2": "ffn_norm", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
}  # fmt: skip


def _transposed(weights: dict) -> dict:
    return {name: (value.T if name.endswith(_CONV1D) else value).contiguous() for name, value in weights.items()}


def write_folder(model: Gpt2, tokenizer: Tokenizer, folder: pathlib.Path, preset: dict) -> None:
    """Writes a GPT2LMHeadModel folder in f32, tokenizer included."""
    config = model.config
    tokens.write_folder(tokenizer, folder, config.context)
    end, user = tokenizer.token_to_id(tokens.END_OF_TEXT), tokenizer.token_to_id("<|user|>")
    described = {
        "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "torch_dtype": "float32",
        "vocab_size": config.vocabulary, "n_positions": config.context, "n_ctx": config.context,
        "n_embd": config.width, "n_layer": config.layers, "n_head": config.heads, "n_inner": None,
        "activation_function": "gelu_new", "layer_norm_epsilon": config.norm_epsilon, "scale_attn_weights": True,
        "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
        "bos_token_id": end, "eos_token_id": end, "tie_word_embeddings": True,
    }  # fmt: skip
    renamed = {"max_tokens": "max_new_tokens"}
    generation = {
        "bos_token_id": end,
        "eos_token_id": [end, user] if user is not None else end,
        "pad_token_id": end,
        "do_sample": True,
    }
    generation |= {renamed.get(name, name): value for name, value in preset.items()}
    for name, value in (("config.json", described), ("generation_config.json", generation)):
        (folder / name).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    weights = {_PREFIX + name: value.detach().cpu().float() for name, value in model.state_dict().items()}
    save_file(_transposed(weights), folder / "model.safetensors", metadata={"format": "pt"})


def _gguf(path: pathlib.Path):
    import gguf

    try:
        reader = gguf.GGUFReader(path)
    except Exception as error:  # whatever numpy and the reader raise
        raise InputError(f"{path}: not a GGUF file that can be read: {error}") from error
    if reader.fields["general.architecture"].contents() != "gpt2":
        raise InputError(f"{path}: architecture {reader.fields['general.architecture'].contents()}, gpt2 expected")
    return reader


def read_config(path: pathlib.Path) -> Config:
    """The size of the model in a folder or GGUF file. Raises InputError."""
    if path.is_file():
        fields = _gguf(path).fields
        names = [
            "embedding_length",
            "block_count",
            "attention.head_count",
            "context_length",
            "attention.layer_norm_epsilon",
        ]
        width, layers, heads, context, epsilon = (fields[f"gpt2.{name}"].contents() for name in names)
        epsilon = float(str(numpy.float32(epsilon)))  # the decimal number that was rounded to f32
        return Config(len(fields["tokenizer.ggml.tokens"].data), width, layers, heads, context, epsilon)
    try:
        read = json.loads((path / "config.json").read_text(encoding="utf-8"))
        if (
            read["model_type"] != "gpt2"
            or read.get("activation_function", "gelu_new") != "gelu_new"
            or read.get("n_inner") not in (None, 4 * read["n_embd"])
        ):
            raise InputError(f"{path}/config.json: not a GPT-2 with gelu_new and an MLP of four times its width")
        return Config(
            read["vocab_size"],
            read["n_embd"],
            read["n_layer"],
            read["n_head"],
            read["n_positions"],
            read.get("layer_norm_epsilon", 1e-5),
        )
    except (OSError, KeyError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: no config.json of a GPT-2: {error}") from error


def read_weights(path: pathlib.Path) -> dict:
    """Weights by the names of `Gpt2`, in f32, dequantized where a GGUF file has them quantized. Raises InputError."""
    if path.is_file():
        return _read_gguf_weights(path)
    try:
        stored = load_file(path / "model.safetensors")
    except Exception as error:  # safetensors' own errors are bare
        raise InputError(f"{path}: no model.safetensors that can be read: {error}") from error
    extra = (".attn.bias", ".attn.masked_bias", "lm_head.weight")  # the causal mask of old checkpoints; the tied head
    weights = {name.removeprefix(_PREFIX): value.float() for name, value in stored.items() if not name.endswith(extra)}
    return _transposed(weights)


def _read_gguf_weights(path: pathlib.Path) -> dict:
    import gguf

    names = {"token_embd": "wte", "position_embd": "wpe", "output_norm": "ln_f"}
    for layer in range(read_config(path).layers):
        names |= {f"blk.{layer}.{short}": f"h.{layer}.{name}" for name, short in _GGUF_LAYER.items()}
    weights = {}
    for tensor in _gguf(path).tensors:
        stem, kind = tensor.name.rsplit(".", 1)
        if stem not in names:
            raise InputError(f"{path}: tensor '{tensor.name}' is none of a GPT-2 with tied embeddings")
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        weights[f"{names[stem]}.{kind}"] = torch.from_numpy(numpy.array(values, dtype=numpy.float32))
    return weights


def read_tokenizer(path: pathlib.Path) -> Tokenizer:
    """The tokenizer of a folder or GGUF file. Raises InputError."""
    if not path.is_file():
        return tokens.read_folder(path)
    fields = _gguf(path).fields
    names, types, merges = (fields[f"tokenizer.ggml.{key}"].contents() for key in ("tokens", "token_type", "merges"))
    special = [name for name, type in zip(names, types, strict=True) if type != 1]
    vocabulary = {name: id for id, name in enumerate(names) if name not in special}
    tokenizer = tokens.byte_level(models.BPE(vocabulary, [tuple(merge.split(" ")) for merge in merges]))
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in special])
    for name in special:
        if tokenizer.token_to_id(name) != names.index(name):
            raise InputError(f"{path}: special tokens that do not follow the others")
    return tokenizer


def start_from(model: Gpt2, weights: dict) -> None:
    """Loads weights. Ids that the checkpoint does not have begin as the mean of those that it has."""
    have, wanted = weights["wte.weight"], model.config.vocabulary
    if have.shape[0] < wanted:
        weights = weights | {
            "wte.weight": torch.cat([have, have.mean(0, keepdim=True).expand(wanted - have.shape[0], -1)])
        }
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"model.start: {error}") from error
