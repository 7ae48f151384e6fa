#!/usr/bin/env python3
"""Makes of a GPT-2 in GGUF what transformers.js loads: the same weights as q8 and q4 ONNX models, and the tokenizer.

    make_onnx.py FILE.gguf OUTDIR      OUTDIR/onnx/model_quantized.onnx (q8), model_q4.onnx, tokenizer.json, config.json

The options follow transformers.js' own conversion scripts, with one difference in favour of its speed: GPT-2's linear layers
are exported as Gemm, which the 4-bit quantizer passes over, so they become MatMul first. Needs peers/requirements.txt.
"""
import pathlib
import shutil
import sys
import tempfile

import onnx
import onnxslim
import torch
from gguf import GGUFReader
from onnxruntime.quantization import QuantizationMode, QuantType
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.quantization.onnx_model import ONNXModel
from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
from onnxruntime.quantization.registry import IntegerOpsRegistry
from optimum.exporters.onnx import main_export
from transformers import AutoTokenizer, GPT2LMHeadModel


def export(gguf, folder):
    """Writes the f32 model as folder/onnx/model.onnx, and tokenizer and configuration into folder."""
    with tempfile.TemporaryDirectory() as scratch:
        # transformers takes the length of the positions for GPT-2's own whatever the file says.
        context = int(GGUFReader(gguf).fields["gpt2.context_length"].contents())
        model = GPT2LMHeadModel.from_pretrained(gguf.parent, gguf_file=gguf.name, n_positions=context)
        model.eval().save_pretrained(scratch)
        AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(scratch)
        main_export(scratch, output=f"{scratch}/onnx", task="text-generation-with-past", opset=18, do_validation=False)
        onnx.save(onnxslim.slim(onnx.load(f"{scratch}/onnx/model.onnx")), folder / "onnx/model.onnx")
        for name in ("config.json", "generation_config.json", "tokenizer_config.json", "tokenizer.json"):
            shutil.copy(f"{scratch}/{name}", folder)


def quantize_8_bits(source, target):
    """Weights s8, activations u8 at run time: transformers.js' "q8"."""
    quantizer = ONNXQuantizer(
        onnx.load(source), False, False, mode=QuantizationMode.IntegerOps, static=False, weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8, tensors_range=None, nodes_to_quantize=[], nodes_to_exclude=[],
        op_types_to_quantize=list(IntegerOpsRegistry), extra_options={"EnableSubgraph": True, "MatMulConstBOnly": True})
    quantizer.quantize_model()
    onnx.save(quantizer.model.model, target)


def quantize_4_bits(source, target):
    """Blocks of 32 with one scale: transformers.js' "q4"."""
    model = ONNXModel(onnx.load(source))
    model.replace_gemm_with_matmul()
    quantizer = MatMulNBitsQuantizer(model.model, block_size=32, is_symmetric=True, accuracy_level=None)
    quantizer.process()
    onnx.save(quantizer.model.model, target)


def main():
    gguf, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    export(gguf, folder)
    quantize_8_bits(folder / "onnx/model.onnx", folder / "onnx/model_quantized.onnx")
    quantize_4_bits(folder / "onnx/model.onnx", folder / "onnx/model_q4.onnx")
    (folder / "onnx/model.onnx").unlink()


if __name__ == "__main__":
    main()
