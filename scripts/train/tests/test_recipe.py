"""Recipes: what is wrong in one is named."""

import pathlib

import pytest

from parley_train.errors import InputError
from parley_train.recipe import read_recipe

PARLEY_17M = pathlib.Path(__file__).parents[1] / "parley_17m" / "recipe.toml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[train]\nsteps = 0", "train.steps"),
        ("[train]\nstep = 5", "no key 'step' in [train]; known: steps"),
        ("[training]\n", "no section [training]; known: data"),
        ("[train]\nsteps = 1.5", "train.steps = 1.5: int expected"),
        ("[train]\nsteps = true", "train.steps = True: int expected"),
        ("[train]\nbatch = 16\nmicro_batch = 5", "a divisor of train.batch = 16"),
        ("[train]\nadam_betas = [0.9]", "two numbers"),
        ("[model]\nwidth = 100", "a multiple of 32"),
        ("[model]\nheads = 5", "a divisor of model.width"),
        ("[model]\nstart = 'a'\ntokenizer = 'b'", "exclude each other"),
        ("[model]\nvocabulary = 200", "at least 260"),
        ("[data]\nvalidation = 1.0", "less than 1"),
        ("[mix]\nrepeat = { a = 'b' }", "mix.repeat"),
        ("[export]\nquantization = 'q2_k'", "q8_0 or q4_0"),
        ("[export]\npreset = { heat = 1 }", "export.preset has 'heat'; known: temperature"),
        ("[export]\nid = 'a/b'", "export.id"),
        ("train = 3", "[train] is not a table"),
        ("[train", "recipe.toml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_recipe(path)
    assert message in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="nothing.toml: No such file"):
        read_recipe(tmp_path / "nothing.toml")


def test_an_integer_stands_for_a_real_number(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text("[train]\nmuon_rate = 1")
    assert read_recipe(path).train.muon_rate == 1


def test_the_recipe_of_parley_17m_is_the_size_that_its_card_states():
    recipe = read_recipe(PARLEY_17M)
    model = recipe.model
    assert (model.width, model.layers, model.heads, model.context, model.vocabulary) == (384, 8, 6, 512, 8192)
    assert recipe.train.batch * model.context == 8192
