#!/usr/bin/env python3
"""Writes tests/golden/llama: a tiny random llama as GGUF, and what LlamaForCausalLM (transformers, PyTorch, f32) computes with it.

    pip install torch transformers tokenizers gguf safetensors
    scripts/golden_llama.py [FOLDER]          # tests/golden/llama

Two layers, four query heads over two of keys and values, an untied head, matrices in Q8_0; the reference runs on the
weights as Q8_0 stores them. Queries and keys are laid out as llama.cpp's converter does. The golden files have the form that
tests/golden/parley-17m/README.md describes.
"""
import json
import pathlib
import sys

import gguf
import numpy
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

SIZE = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
CONTEXT = 128
ROPE_BASE = 100000.0
EPSILON = 1e-5
NEW_TOKENS = 24
MERGES = ["t h", "th e", "Ġ the", "a n", "i n"]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
PROMPTS = [
    "Hello there, the rain in Spain",
    "<|im_start|>user\nWhat is 12 + 34?<|im_end|>\n<|im_start|>assistant\n",
    "x",
    "caf\u00e9 \u4f60\u597d\n\n  and an  ending",
    "a " * 40,
]


def byte_tokens():
    """GPT-2's printable form of each byte, by byte (bytes_to_unicode of its encoder.py)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    names = {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}
    return [names[byte] for byte in range(256)]


def make_tokenizer(tokens):
    merges = [tuple(merge.split(" ")) for merge in MERGES]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    tokenizer.add_special_tokens(SPECIALS)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def make_model(vocab_size):
    torch.manual_seed(17)
    config = LlamaConfig(
        vocab_size=vocab_size, max_position_embeddings=CONTEXT, rms_norm_eps=EPSILON, tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_BASE}, attn_implementation="eager", **SIZE,
    )
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 1:
                weight.copy_(1 + 0.3 * torch.randn(weight.shape))
            else:
                weight.copy_((1.0 if "embed" in name else 0.2) * torch.randn(weight.shape))
                weight.copy_(torch.from_numpy(gguf.dequantize(as_q8_0(weight), gguf.GGMLQuantizationType.Q8_0)))
    return model


def as_q8_0(weight):
    return gguf.quantize(weight.detach().numpy(), gguf.GGMLQuantizationType.Q8_0)


def interleaved(weight, heads):
    """Rows of each head from halves (transformers) to pairs (llama.cpp)."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def gguf_tensors(model):
    """(name in GGUF, weight) of every parameter."""
    state = model.state_dict()
    names = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
             "lm_head.weight": "output.weight"}
    layer_names = {
        "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
        "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    }
    for layer in range(SIZE["num_hidden_layers"]):
        for theirs, ours in layer_names.items():
            names[f"model.layers.{layer}.{theirs}.weight"] = f"blk.{layer}.{ours}.weight"
    for theirs, ours in names.items():
        weight = state[theirs]
        if "attn_q" in ours:
            weight = interleaved(weight, SIZE["num_attention_heads"])
        if "attn_k" in ours:
            weight = interleaved(weight, SIZE["num_key_value_heads"])
        yield ours, weight


def write_gguf(path, model, tokens):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(SIZE["hidden_size"])
    writer.add_block_count(SIZE["num_hidden_layers"])
    writer.add_feed_forward_length(SIZE["intermediate_size"])
    writer.add_head_count(SIZE["num_attention_heads"])
    writer.add_head_count_kv(SIZE["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_rope_dimension_count(SIZE["hidden_size"] // SIZE["num_attention_heads"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens + SPECIALS)
    writer.add_token_types([1] * len(tokens) + [3] * len(SPECIALS))
    writer.add_token_merges(MERGES)
    writer.add_eos_token_id(len(tokens) + SPECIALS.index("<|im_end|>"))
    for name, weight in gguf_tensors(model):
        if weight.dim() == 1:
            writer.add_tensor(name, weight.numpy())
        else:
            writer.add_tensor(name, as_q8_0(weight), raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def complete(model, tokenizer, prompt, end):
    """One golden prompt, and all logits of its last position."""
    prompt_ids = tokenizer.encode(prompt).ids
    ids = list(prompt_ids)
    margin = numpy.inf
    with torch.no_grad():
        rows = model(torch.tensor([prompt_ids])).logits[0]
        logits = rows[-1]
        while len(ids) < len(prompt_ids) + NEW_TOKENS and ids[-1] != end:
            best = logits.topk(2)
            margin = min(margin, (best.values[0] - best.values[1]).item())
            ids.append(best.indices[0].item())
            logits = model(torch.tensor([ids])).logits[0, -1]
    golden = {
        "prompt": prompt, "prompt_ids": prompt_ids, "greedy_ids": ids, "greedy_text": tokenizer.decode(ids),
        "smallest_margin": margin,
        "rows": [
            {"logsumexp": round(row.logsumexp(0).item(), 6),
             "top": [[i, round(row[i].item(), 6)] for i in row.topk(10).indices.tolist()]}
            for row in rows
        ],
    }
    return golden, rows[-1].clone()


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/llama"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    tokens = byte_tokens() + [merge.replace(" ", "") for merge in MERGES]
    tokenizer = make_tokenizer(tokens)
    model = make_model(len(tokens) + len(SPECIALS))
    write_gguf(folder / "tiny-q8_0.gguf", model, tokens)
    results = [complete(model, tokenizer, prompt, tokenizer.token_to_id("<|im_end|>")) for prompt in PROMPTS]
    for golden, _ in results:
        # Below it f32 in another order could choose otherwise.
        assert golden["smallest_margin"] > 1e-3, golden["prompt"]
    how = "scripts/golden_llama.py: LlamaForCausalLM (transformers, PyTorch, f32) on the weights as Q8_0 stores them"
    document = {"model": "tiny-q8_0.gguf", "how": how, "prompts": [golden for golden, _ in results]}
    (folder / "golden.json").write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    save_file({str(i): logits for i, (_, logits) in enumerate(results)}, folder / "golden-last-logits.safetensors")


if __name__ == "__main__":
    main()
