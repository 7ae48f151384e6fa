"""The one error that a user's input can cause."""


class InputError(Exception):
    """Something in a recipe, a data file, a checkpoint or an argument is wrong.

    The message says what, where and what was expected.
    """
