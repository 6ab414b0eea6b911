"""The names of the forms in which a model may give an edit."""

from typing import Literal

EditName = Literal["blocks", "patch", "whole", "definitions"]
