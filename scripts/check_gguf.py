#!/usr/bin/env python3
"""Holds the GGUF files that `parley quantize` writes against PyPI's `gguf`, an independent reader and quantizer.

    check_gguf.py FILE.gguf FOLDER     a file against the Hugging Face folder that it was made from
    check_gguf.py --parley PROGRAM     makes small random folders and checks every type that the program writes or reads

Checked: that the package reads the file; every tensor's name, shape and type; every block's bytes against the
package's quantizer; every value of the types that are only read against the package's; vocabulary, merges, token types and
special ids. Needs PyPI's gguf (0.16 or newer).
"""
import argparse
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import requantize

READ = ("BF16", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K")
TYPES = {"q8_0": gguf.GGMLQuantizationType.Q8_0, "q4_0": gguf.GGMLQuantizationType.Q4_0,
         "f16": gguf.GGMLQuantizationType.F16, "f32": gguf.GGMLQuantizationType.F32}
FILE_TYPES = {0: "f32", 1: "f16", 2: "q4_0", 7: "q8_0"}
DTYPES = {"F32": "<f4", "F16": "<f2"}

# GGUF name after "blk.N.", Hugging Face name after "h.N.", stored as Conv1D does ([in, out])
LAYER = [("attn_norm.weight", "ln_1.weight", False), ("attn_norm.bias", "ln_1.bias", False),
         ("attn_qkv.weight", "attn.c_attn.weight", True), ("attn_qkv.bias", "attn.c_attn.bias", False),
         ("attn_output.weight", "attn.c_proj.weight", True), ("attn_output.bias", "attn.c_proj.bias", False),
         ("ffn_norm.weight", "ln_2.weight", False), ("ffn_norm.bias", "ln_2.bias", False),
         ("ffn_up.weight", "mlp.c_fc.weight", True), ("ffn_up.bias", "mlp.c_fc.bias", False),
         ("ffn_down.weight", "mlp.c_proj.weight", True), ("ffn_down.bias", "mlp.c_proj.bias", False)]
OUTER = [("token_embd.weight", "wte.weight"), ("position_embd.weight", "wpe.weight"),
         ("output_norm.weight", "ln_f.weight"), ("output_norm.bias", "ln_f.bias")]


class Mismatch(Exception):
    pass


def expect(what, found, wanted):
    if found != wanted:
        raise Mismatch(f"{what}: {wanted!r} expected, found {found!r}")


def read_safetensors(path):
    """name -> f32 array"""
    data = path.read_bytes()
    length, = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, info in json.loads(data[8:8 + length]).items():
        if name == "__metadata__" or info["dtype"] not in DTYPES:
            continue
        begin, end = (8 + length + offset for offset in info["data_offsets"])
        tensors[name] = np.frombuffer(data[begin:end], DTYPES[info["dtype"]]).reshape(info["shape"]).astype(np.float32)
    return tensors


def wanted_tensors(folder, config):
    """GGUF name -> f32 array [out, in]"""
    stored = read_safetensors(folder / "model.safetensors")

    def get(name):
        return stored["transformer." + name] if "transformer." + name in stored else stored[name]

    tensors = {ours: get(theirs) for ours, theirs in OUTER}
    for i in range(config["n_layer"]):
        for ours, theirs, conv1d in LAYER:
            values = get(f"h.{i}.{theirs}")
            tensors[f"blk.{i}.{ours}"] = np.ascontiguousarray(values.T) if conv1d else values
    if not config.get("tie_word_embeddings", True):
        tensors["output.weight"] = stored["lm_head.weight"]
    return tensors


def wanted_type(name, values, kind):
    if values.ndim == 1 or name == "position_embd.weight":
        return TYPES["f32"]
    if kind == "q4_0" and name in ("token_embd.weight", "output.weight"):
        return TYPES["q8_0"]
    return TYPES[kind]


def check_tensors(reader, wanted, kind):
    found = {tensor.name: tensor for tensor in reader.tensors}
    expect("tensor names", sorted(found), sorted(wanted))
    for name, values in wanted.items():
        tensor = found[name]
        expect(f"{name}: shape", [int(n) for n in reversed(tensor.shape)], list(values.shape))
        expect(f"{name}: type", tensor.tensor_type, wanted_type(name, values, kind))
        blocks = np.frombuffer(gguf.quants.quantize(values, tensor.tensor_type).tobytes(), np.uint8)
        ours = np.frombuffer(tensor.data.tobytes(), np.uint8)
        if not np.array_equal(blocks, ours):
            raise Mismatch(f"{name}: {np.count_nonzero(blocks != ours)} of {blocks.size} bytes differ")


def check_tokenizer(reader, folder, config):
    def value(key):
        return reader.fields[key].contents() if key in reader.fields else None

    ids = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    tokens = sorted(ids, key=ids.get)
    tokens += [f"[PAD{i}]" for i in range(len(tokens), config["vocab_size"])]
    expect("tokens", value("tokenizer.ggml.tokens"), tokens)
    lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")
    expect("merges", value("tokenizer.ggml.merges"), [line for line in lines[1:] if line])
    specials = json.loads((folder / "special_tokens_map.json").read_text(encoding="utf-8"))
    named = {specials["bos_token"], specials["eos_token"], *specials.get("additional_special_tokens", [])}
    types = [3 if token in named else 5 if i >= len(ids) else 1 for i, token in enumerate(tokens)]
    expect("token types", value("tokenizer.ggml.token_type"), types)
    expect("model and pre", (value("tokenizer.ggml.model"), value("tokenizer.ggml.pre")), ("gpt2", "gpt-2"))
    expect("bos", value("tokenizer.ggml.bos_token_id"), ids[specials["bos_token"]])
    expect("eos", value("tokenizer.ggml.eos_token_id"), ids[specials["eos_token"]])
    expect("add_bos", value("tokenizer.ggml.add_bos_token"), False)
    if "<|user|>" in ids:
        expect("eot", value("tokenizer.ggml.eot_token_id"), ids["<|user|>"])
        expect("chat format", value("parley.chat_format"), "role_tokens")
    expect("architecture", value("general.architecture"), "gpt2")
    for key, name in [("context_length", "n_positions"), ("embedding_length", "n_embd"), ("block_count", "n_layer"),
                      ("attention.head_count", "n_head")]:
        expect(key, value(f"gpt2.{key}"), config[name])


def check(path, folder):
    config = json.loads((folder / "config.json").read_text())
    reader = gguf.GGUFReader(path)
    kind = FILE_TYPES[reader.fields["general.file_type"].contents()]
    check_tensors(reader, wanted_tensors(folder, config), kind)
    check_tokenizer(reader, folder, config)
    print(f"{path.name}: {len(reader.tensors)} tensors as {kind}, the same bytes as gguf's own")


def byte_alphabet():
    """GPT-2's printable character for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]


def make_folder(folder, untied, dtype, prefix, seed):
    """A random two-layer model with a tokenizer of 256 bytes, two merges and four special tokens, and three spare rows."""
    rng = np.random.default_rng(seed)
    tokens = byte_alphabet() + ["th", "the", "<|endoftext|>", "<|user|>", "<|assistant|>", "<|system|>"]
    config = {"model_type": "gpt2", "vocab_size": len(tokens) + 3, "n_positions": 16, "n_embd": 64, "n_layer": 2,
              "n_head": 2, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
              "tie_word_embeddings": not untied}
    width = config["n_embd"]
    shapes = {"wte.weight": (config["vocab_size"], width), "wpe.weight": (config["n_positions"], width),
              "ln_f.weight": (width,), "ln_f.bias": (width,)}
    sizes = {"ln_1": (width,), "attn.c_attn": (width, 3 * width), "attn.c_proj": (width, width), "ln_2": (width,),
             "mlp.c_fc": (width, 4 * width), "mlp.c_proj": (4 * width, width)}
    for i in range(config["n_layer"]):
        for name, shape in sizes.items():
            shapes[f"h.{i}.{name}.weight"] = shape
            shapes[f"h.{i}.{name}.bias"] = shape[-1:]
        shapes[f"h.{i}.attn.bias"] = (1, 1, 16, 16)  # a mask, to be ignored
    header, data = {}, b""
    for name, shape in [(prefix + name, shape) for name, shape in shapes.items()] + (
            [("lm_head.weight", shapes["wte.weight"])] if untied else []):
        # Scales from 2^-30 to 2^6: subnormal f16 scales, zero blocks and ties of the rounding all occur.
        values = rng.standard_normal(shape) * np.exp2(rng.integers(-30, 7, shape[:-1] + (1,)))
        values = np.where(rng.random(shape) < 0.1, np.round(values * 4) / 4, values)
        raw = values.astype(DTYPES[dtype]).tobytes()
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\nt h\nth e\n", encoding="utf-8")
    (folder / "special_tokens_map.json").write_text(json.dumps({
        "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>",
        "additional_special_tokens": ["<|user|>", "<|assistant|>", "<|system|>"]}))


def check_reading(program, folder):
    """F32 from each type has the package's values, Q8_0 the bytes that the package makes of these."""
    for name in READ:
        source = folder / f"{name}.gguf"
        requantize.requantize(folder / "f32.gguf", source, name)
        stored = {tensor.name: (tensor.tensor_type, gguf.quants.dequantize(tensor.data, tensor.tensor_type))
                  for tensor in gguf.GGUFReader(source).tensors}
        expect("types", requantize.Type[name] in {kind for kind, _ in stored.values()}, True)
        f32, q8 = folder / "read-f32.gguf", folder / "read-q8_0.gguf"
        for path, kind in ((f32, "f32"), (q8, "q8_0")):
            subprocess.run([program, "quantize", source, path, "--type", kind], check=True, stdout=subprocess.DEVNULL)
        check_tensors(gguf.GGUFReader(f32), {key: values for key, (_, values) in stored.items()}, "f32")
        for tensor in gguf.GGUFReader(q8).tensors:
            kind, values = stored[tensor.name]
            if kind == requantize.Type[name]:
                same = np.array_equal(tensor.data, gguf.quants.quantize(values, requantize.Type.Q8_0))
                expect(f"{tensor.name}: {name} as Q8_0", same, True)
        print(f"{name}: read with gguf's values")


def check_program(program):
    for seed, (untied, dtype, prefix) in enumerate([(False, "F32", "transformer."), (True, "F16", "")]):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            make_folder(folder, untied, dtype, prefix, seed)
            for kind in TYPES:
                path = folder / f"{kind}.gguf"
                subprocess.run([program, "quantize", folder, path, "--type", kind], check=True, stdout=subprocess.DEVNULL)
                check(path, folder)
            # From GGUF to GGUF: F32 keeps every value, so the result is the same as from the folder.
            for kind in ("q8_0", "q4_0"):
                path = folder / f"again-{kind}.gguf"
                subprocess.run([program, "quantize", folder / "f32.gguf", path, "--type", kind], check=True,
                               stdout=subprocess.DEVNULL)
                check(path, folder)
            check_reading(program, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parley", metavar="PROGRAM")
    parser.add_argument("file", nargs="?", type=pathlib.Path)
    parser.add_argument("folder", nargs="?", type=pathlib.Path)
    args = parser.parse_args()
    try:
        if args.parley:
            check_program(args.parley)
        elif args.file and args.folder:
            check(args.file, args.folder)
        else:
            parser.error("FILE.gguf and FOLDER, or --parley PROGRAM")
    except Mismatch as problem:
        sys.exit(f"check_gguf.py: {problem}")


if __name__ == "__main__":
    main()
