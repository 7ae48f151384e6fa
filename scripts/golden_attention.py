#!/usr/bin/env python3
"""Writes the attention weights that Hugging Face's models give the golden prompts: tests/golden/*/*-attention.safetensors.

    pip install torch transformers gguf safetensors
    scripts/golden_attention.py

For each prompt of a golden file, by its index: the weights of its last token over all positions, [layers, heads, positions], as
`output_attentions` of GPT2LMHeadModel or LlamaForCausalLM (PyTorch, f32, eager attention) has them, on the weights of the
GGUF file as Q8_0 stores them.
"""
import json
import pathlib
import tempfile

import gguf
import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests/golden"


def read_gguf(path):
    """Its metadata, and its tensors in f32."""
    reader = gguf.GGUFReader(path)
    fields = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("tokenizer.")}
    tensors = {
        tensor.name: torch.from_numpy(gguf.dequantize(tensor.data, tensor.tensor_type).copy()) for tensor in reader.tensors
    }
    return fields, tensors


def gpt2(fields, tensors):
    width = fields["gpt2.embedding_length"]
    config = GPT2Config(
        vocab_size=tensors["token_embd.weight"].shape[0], n_positions=fields["gpt2.context_length"], n_embd=width,
        n_layer=fields["gpt2.block_count"], n_head=fields["gpt2.attention.head_count"],
        layer_norm_epsilon=fields["gpt2.attention.layer_norm_epsilon"], attn_implementation="eager",
    )
    names = {"attn_norm": "ln_1", "attn_qkv": "attn.c_attn", "attn_output": "attn.c_proj", "ffn_norm": "ln_2",
             "ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj"}
    state = {"transformer.wte.weight": tensors["token_embd.weight"], "transformer.wpe.weight": tensors["position_embd.weight"],
             "transformer.ln_f.weight": tensors["output_norm.weight"], "transformer.ln_f.bias": tensors["output_norm.bias"],
             "lm_head.weight": tensors["token_embd.weight"]}
    for layer in range(config.n_layer):
        for ours, theirs in names.items():
            weight = tensors[f"blk.{layer}.{ours}.weight"]
            # Conv1D holds [inputs, outputs].
            state[f"transformer.h.{layer}.{theirs}.weight"] = weight.T if weight.dim() == 2 else weight
            state[f"transformer.h.{layer}.{theirs}.bias"] = tensors[f"blk.{layer}.{ours}.bias"]
    return GPT2LMHeadModel(config), state


def halves(weight, heads):
    """Rows of each head from pairs (llama.cpp) to halves (transformers)."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def llama(fields, tensors):
    heads, kv_heads = fields["llama.attention.head_count"], fields["llama.attention.head_count_kv"]
    config = LlamaConfig(
        vocab_size=tensors["token_embd.weight"].shape[0], max_position_embeddings=fields["llama.context_length"],
        hidden_size=fields["llama.embedding_length"], intermediate_size=fields["llama.feed_forward_length"],
        num_hidden_layers=fields["llama.block_count"], num_attention_heads=heads, num_key_value_heads=kv_heads,
        rms_norm_eps=fields["llama.attention.layer_norm_rms_epsilon"], rope_theta=fields["llama.rope.freq_base"],
        rope_parameters={"rope_type": "default", "rope_theta": fields["llama.rope.freq_base"]},
        tie_word_embeddings=False, attn_implementation="eager",
    )
    names = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
             "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    state = {"model.embed_tokens.weight": tensors["token_embd.weight"], "model.norm.weight": tensors["output_norm.weight"],
             "lm_head.weight": tensors["output.weight"]}
    for layer in range(config.num_hidden_layers):
        for ours, theirs in names.items():
            weight = tensors[f"blk.{layer}.{ours}.weight"]
            if ours in ("attn_q", "attn_k"):
                weight = halves(weight, heads if ours == "attn_q" else kv_heads)
            state[f"model.layers.{layer}.{theirs}.weight"] = weight
    return LlamaForCausalLM(config), state


def write(path, golden):
    """`golden`: the golden file's path without its ending."""
    fields, tensors = read_gguf(path)
    model, state = {"gpt2": gpt2, "llama": llama}[fields["general.architecture"]](fields, tensors)
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and not [name for name in missing if not name.endswith((".attn.bias", ".masked_bias"))], missing
    model.eval()
    attention = {}
    for index, prompt in enumerate(json.loads(golden.with_suffix(".json").read_text(encoding="utf-8"))["prompts"]):
        with torch.no_grad():
            output = model(torch.tensor([prompt["prompt_ids"]]), output_attentions=True)
        # The model is the one that the other golden files are of.
        best = prompt["rows"][-1]["top"][0]
        assert abs(output.logits[0, -1, best[0]].item() - best[1]) < 1e-3, prompt["prompt"]
        attention[str(index)] = torch.stack([layer[0, :, -1, :] for layer in output.attentions]).contiguous()
    save_file(attention, golden.with_name(golden.name + "-attention.safetensors"))


def main():
    with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
        for part in sorted((ROOT / "models/parley-17m").glob("*.part")):
            file.write(part.read_bytes())
        file.flush()
        write(file.name, GOLDEN / "parley-17m/golden-q8_0")
    write(GOLDEN / "llama/tiny-q8_0.gguf", GOLDEN / "llama/golden")


if __name__ == "__main__":
    main()
