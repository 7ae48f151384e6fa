"""The model and its files against Hugging Face's GPT2LMHeadModel."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2LMHeadModel

from parley_train import checkpoint, tokens
from parley_train.conversations import Conversation
from parley_train.errors import InputError
from parley_train.model import Config, Gpt2

PRESET = {"temperature": 0.5, "max_tokens": 9}


@pytest.fixture
def saved(tmp_path):
    """A model with weights everywhere, biases and norms included, and its folder."""
    tokenizer = tokens.learn([Conversation((("user", "a b c"), ("assistant", "a b c")), "x", "")], 300, roles=True)
    model = Gpt2(Config(tokenizer.get_vocab_size(with_added_tokens=True), 64, 2, 4, 32))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.1, 0.3, generator=generator)
    checkpoint.write_folder(model, tokenizer, tmp_path / "hf", PRESET)
    return model, tmp_path / "hf"


def test_transformers_loads_the_folder_with_equal_logits(saved):
    model, folder = saved
    theirs, report = GPT2LMHeadModel.from_pretrained(folder, output_loading_info=True, attn_implementation="eager")
    assert not report["missing_keys"] and not report["unexpected_keys"]
    ids = torch.randint(0, model.config.vocabulary, (2, 32), generator=torch.Generator().manual_seed(1))
    # Both in double precision, where only the order of the sums differs: 1e-16 a sum of 64 to 256 terms, some tens of
    # them in a row.
    ours, exact = model.double().logits(ids), theirs.double().eval()(ids).logits
    torch.testing.assert_close(ours, exact, rtol=0, atol=1e-10)
    assert theirs.generation_config.max_new_tokens == 9


def test_a_folder_comes_back_as_it_was(saved):
    model, folder = saved
    assert checkpoint.read_config(folder) == model.config
    again = Gpt2(model.config)
    checkpoint.start_from(again, checkpoint.read_weights(folder))
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name


def test_ids_that_a_checkpoint_does_not_have_begin_as_the_mean(saved):
    model, folder = saved
    wider = Gpt2(Config(model.config.vocabulary + 3, 64, 2, 4, 32))
    checkpoint.start_from(wider, checkpoint.read_weights(folder))
    torch.testing.assert_close(wider.wte.weight[-1], model.wte.weight.mean(0))
    assert torch.equal(wider.wte.weight[:-3], model.wte.weight)


def test_a_checkpoint_of_another_kind_is_refused(saved, tmp_path):
    model, folder = saved
    with pytest.raises(InputError, match="no config.json"):
        checkpoint.read_config(tmp_path)
    weights = load_file(folder / "model.safetensors")
    del weights["transformer.ln_f.bias"]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(InputError, match="ln_f.bias"):
        checkpoint.start_from(Gpt2(model.config), checkpoint.read_weights(folder))
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    with pytest.raises(InputError, match="not a GGUF file"):
        checkpoint.read_config(tmp_path / "model.gguf")


def test_first_weights_depend_on_the_seed_alone_and_have_gpt2s_deviations():
    config = Config(1000, 128, 8, 4, 64)
    model, same = Gpt2(config), Gpt2(config)
    model.initialize(5)
    same.initialize(5)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), same.parameters(), strict=True))
    # 65,536 draws: the deviation's own is 0.02 / sqrt(2 * 65536) = 6e-5; within five of them.
    assert abs(model.h[0].mlp.c_fc.weight.std().item() - 0.02) < 3e-4
    assert abs(model.h[0].mlp.c_proj.weight.std().item() - 0.02 / 4) < 1e-4
