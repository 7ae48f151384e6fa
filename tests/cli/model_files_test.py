"""End-to-end tests of `parley quantize` and `parley inspect`: what they write and say, and that a failure leaves nothing.

    model_files_test.py PARLEY [unittest arguments]
"""
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CORPUS = ROOT / "tests/fuzz/corpus/gguf"
MODEL = str(CORPUS / "model_q4_0")
PARLEY = ""


def parley(*words, code=0):
    done = subprocess.run([PARLEY, *map(str, words)], capture_output=True, check=False)
    out, err = done.stdout.decode(), done.stderr.decode()
    if done.returncode != code:
        raise AssertionError(f"parley {words}: exit code {done.returncode}, not {code}\n{out}\n{err}")
    return out, err


def inspect(path):
    return json.loads(parley("inspect", "--json", path)[0])


def byte_alphabet():
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(256 - len(printable))]


def write_folder(folder):
    """One layer, width 32, a vocabulary of the 256 bytes and <|endoftext|>; all weights 0.5."""
    shapes = {"wte.weight": [257, 32], "wpe.weight": [8, 32], "ln_f.weight": [32], "ln_f.bias": [32]}
    for name, shape in {"ln_1": [32], "attn.c_attn": [32, 96], "attn.c_proj": [32, 32], "ln_2": [32],
                        "mlp.c_fc": [32, 128], "mlp.c_proj": [128, 32]}.items():
        shapes[f"h.0.{name}.weight"], shapes[f"h.0.{name}.bias"] = shape, shape[-1:]
    header, size = {}, 0
    for name, shape in shapes.items():
        count = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [size, size + count]}
        size += count
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(
        struct.pack("<Q", len(text)) + text + struct.pack("<f", 0.5) * (size // 4))
    (folder / "config.json").write_text(json.dumps({
        "model_type": "gpt2", "vocab_size": 257, "n_positions": 8, "n_embd": 32, "n_layer": 1, "n_head": 1}))
    tokens = byte_alphabet() + ["<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")


def split(folder):
    """model.safetensors into a.safetensors and b.safetensors, with their index."""
    data = (folder / "model.safetensors").read_bytes()
    length, = struct.unpack("<Q", data[:8])
    shards = {"a.safetensors": ({}, b""), "b.safetensors": ({}, b"")}
    weight_map = {}
    for i, (name, info) in enumerate(json.loads(data[8:8 + length]).items()):
        file = "ab"[i % 2] + ".safetensors"
        header, values = shards[file]
        begin, end = info["data_offsets"]
        header[name] = {**info, "data_offsets": [len(values), len(values) + end - begin]}
        shards[file] = (header, values + data[8 + length + begin:8 + length + end])
        weight_map[name] = file
    for file, (header, values) in shards.items():
        text = json.dumps(header).encode()
        (folder / file).write_bytes(struct.pack("<Q", len(text)) + text + values)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    (folder / "model.safetensors").unlink()


class Quantize(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = pathlib.Path(self.temporary.name)
        self.out = self.folder / "out.gguf"

    def test_a_gguf_file_becomes_every_type(self):
        for kind, name in [("q8_0", "Q8_0"), ("q4_0", "Q4_0"), ("f16", "F16"), ("f32", "F32")]:
            result = json.loads(parley("quantize", MODEL, self.out, "--type", kind, "--json")[0])
            self.assertEqual(result, {"path": str(self.out), "type": kind, "bytes": self.out.stat().st_size})
            types = {tensor["name"]: tensor["type"] for tensor in inspect(self.out)["tensors"]}
            self.assertEqual(types["blk.0.attn_qkv.weight"], name)
            self.assertEqual(types["token_embd.weight"], "Q8_0" if kind == "q4_0" else name)
            self.assertEqual(types["position_embd.weight"], "F32")
            self.assertEqual(types["output_norm.bias"], "F32")

    def test_a_folder_becomes_q8_0_under_its_own_name(self):
        source = self.folder / "my-model"
        source.mkdir()
        write_folder(source)
        parley("quantize", f"{source}/", self.out)
        info = inspect(self.out)
        self.assertEqual(info["metadata"]["general.name"], "my-model")
        self.assertEqual(info["plan"]["quantization"], "Q8_0")
        parley("quantize", source, self.out, "--name", "another")
        self.assertEqual(inspect(self.out)["metadata"]["general.name"], "another")

    def test_shards_and_tokenizer_json_become_the_same_file(self):
        source = self.folder / "my-model"
        source.mkdir()
        write_folder(source)
        parley("quantize", source, self.out)
        expected = self.out.read_bytes()

        split(source)
        parley("quantize", source, self.out)
        self.assertEqual(self.out.read_bytes(), expected)
        self.assertEqual(inspect(source)["tensors"], inspect(self.out)["tensors"])

        vocabulary = json.loads((source / "vocab.json").read_text())
        (source / "tokenizer.json").write_text(json.dumps({
            "added_tokens": [{"id": 256, "content": "<|endoftext|>", "special": True}], "normalizer": None,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
            "model": {"type": "BPE", "vocab": vocabulary, "merges": []}}))
        (source / "vocab.json").unlink()
        (source / "merges.txt").unlink()
        (source / "generation_config.json").write_text("not read")
        parley("quantize", source, self.out)
        self.assertEqual(self.out.read_bytes(), expected)
        ids = subprocess.run([PARLEY, "tokenize", "--model", source, "--special"], input=b"a<|endoftext|>",
                             capture_output=True, check=True).stdout
        self.assertEqual(ids, b"%d 256\n" % vocabulary["a"])

        (source / "b.safetensors").unlink()
        self.assertIn("b.safetensors", parley("quantize", source, self.out, code=1)[1])

    def test_a_pickled_folder_is_said_to_be_one(self):
        source = self.folder / "my-model"
        source.mkdir()
        write_folder(source)
        (source / "model.safetensors").rename(source / "pytorch_model.bin")
        self.assertIn("pickle", parley("quantize", source, self.out, code=1)[1])

    def test_a_failure_leaves_the_old_file_and_nothing_else(self):
        source = self.folder / "model"
        source.mkdir()
        write_folder(source)
        weights = bytearray((source / "model.safetensors").read_bytes())
        weights[-4:] = struct.pack("<f", float("nan"))
        (source / "model.safetensors").write_bytes(weights)
        self.out.write_bytes(b"what was there before")
        _, err = parley("quantize", source, self.out, code=1)
        self.assertIn("NONFINITE", err)
        self.assertIn("mlp.c_proj.bias", err)
        self.assertEqual(self.out.read_bytes(), b"what was there before")
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["model", "out.gguf"])

    def test_a_file_may_be_written_over_itself(self):
        self.out.write_bytes(pathlib.Path(MODEL).read_bytes())
        parley("quantize", self.out, self.out, "--type", "f16")
        self.assertEqual(inspect(self.out)["plan"]["quantization"], "F16")

    def test_what_cannot_be_read_or_written_is_said(self):
        self.assertIn("IO", parley("quantize", MODEL, self.folder / "none/out.gguf", code=1)[1])
        self.assertIn(str(self.folder / "none"), parley("quantize", self.folder / "none", self.out, code=1)[1])
        self.assertIn("HTML", parley("quantize", CORPUS / "html", self.out, code=1)[1])
        self.assertIn("q8_0, q4_0, f16 or f32", parley("quantize", MODEL, self.out, "--type", "q5_1", code=2)[1])
        source = self.folder / "model"
        source.mkdir()
        write_folder(source)
        (source / "merges.txt").unlink()
        self.assertIn("merges.txt", parley("quantize", source, self.out, code=1)[1])
        self.assertFalse(self.out.exists())

    @unittest.skipIf(not os.path.exists("/dev/full"), "no /dev/full on this system")
    def test_a_full_disk_is_an_error(self):
        link = self.folder / "full.gguf.partial"
        link.symlink_to("/dev/full")
        self.assertIn("IO", parley("quantize", MODEL, self.folder / "full.gguf", code=1)[1])
        self.assertFalse((self.folder / "full.gguf").exists())


class Inspect(unittest.TestCase):
    def test_a_model_is_described(self):
        out, err = parley("inspect", MODEL)
        self.assertEqual(err, "")
        for text in ["GGUF version 3", "15584 bytes", "16 with 15008 values", "5 Q4_0", "1 layers, width 32",
                     "vocabulary 257, tied head", "to run with a context of 8"]:
            self.assertIn(text, out)
        self.assertNotIn("blk.0.attn_qkv.weight", out)
        everything, _ = parley("inspect", MODEL, "--all")
        self.assertIn("blk.0.attn_qkv.weight", everything)
        self.assertIn("tokenizer.ggml.tokens = 257 x string", everything)

    def test_json_has_everything(self):
        info = inspect(MODEL)
        self.assertEqual(info["bytes"], os.path.getsize(MODEL))
        self.assertEqual(len(info["tensors"]), 16)
        self.assertEqual(info["tensors"][0], {"name": "token_embd.weight", "type": "Q4_0", "shape": [257, 32],
                                              "bytes": 257 * 18, "offset": info["tensors"][0]["offset"]})
        self.assertEqual(info["metadata"]["gpt2.embedding_length"], 32)
        self.assertEqual(info["metadata"]["tokenizer.ggml.tokens"], {"type": "string", "count": 257})
        self.assertGreaterEqual(info["plan"]["total_bytes"], info["plan"]["weights_bytes"] + info["plan"]["kv_bytes"])

    def test_types_that_are_not_run_are_said_to_become_q8_0(self):
        with tempfile.TemporaryDirectory() as folder:
            parley("quantize", MODEL, f"{folder}/f16.gguf", "--type", "f16")
            self.assertIn("F16 becomes Q8_0", inspect(f"{folder}/f16.gguf")["plan"]["note"])

    def test_a_file_of_another_model_is_described_and_said_not_to_run(self):
        out, _ = parley("inspect", CORPUS / "other_architecture")
        self.assertIn("UNSUPPORTED_MODEL", out)
        self.assertIn("mamba", out)
        self.assertEqual(inspect(CORPUS / "heads_0")["error"]["code"], "BAD_CONFIG")

    def test_weights_alone_are_described(self):
        with tempfile.TemporaryDirectory() as folder:
            write_folder(pathlib.Path(folder))
            info = inspect(f"{folder}/model.safetensors")
            self.assertEqual(info["kind"], "safetensors")
            self.assertEqual(len(info["tensors"]), 16)
            whole = inspect(folder)
            self.assertEqual(whole["plan"]["quantization"], "Q8_0")

    def test_a_header_whose_length_looks_like_a_pickle_is_read(self):
        header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "model.safetensors")
            path.write_bytes(struct.pack("<Q", 640) + header.ljust(640).encode() + bytes(4))
            self.assertEqual(path.read_bytes()[:2], b"\x80\x02")
            self.assertEqual(inspect(path)["kind"], "safetensors")

    def test_wrong_files_are_named_with_code_and_offset(self):
        for name, texts in {"html": ["BAD_MAGIC", "HTML"], "empty": ["TRUNCATED", "byte 0"],
                            "version_1": ["BAD_VERSION", "byte 4"], "counts_huge": ["LIMIT", "byte 8"],
                            "alignment_13": ["BAD_ALIGN"]}.items():
            out, err = parley("inspect", CORPUS / name, code=1)
            self.assertEqual(out, "")
            for text in texts:
                self.assertIn(text, err)

    def test_escape_sequences_of_a_file_do_not_reach_the_terminal(self):
        data = pathlib.Path(MODEL).read_bytes()
        self.assertEqual(data.count(b"tokenizer.ggml.add_bos_token"), 1)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "escape.gguf")
            for begin in ["\x1b[", "\u009b"]:  # as ASCII and as C1 write it
                path.write_bytes(data.replace(b"tokenizer.ggml.add_bos_token",
                                              b"tokenizer.ggml.%b31mbos_toke" % begin.encode()))
                out, _ = parley("inspect", path, "--all")
                self.assertIn("31mbos_toke", out)
                self.assertNotIn(begin, out)


if __name__ == "__main__":
    PARLEY = os.path.abspath(sys.argv.pop(1))
    unittest.main()
