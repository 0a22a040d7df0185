"""Outward shapes are built once of a value, and go with it."""

import gc
from dataclasses import dataclass
from weakref import ref

from resolvers.lasting import lasting


@dataclass(frozen=True)
class Value:
    number: int


class Shape:
    def __init__(self, number):
        self.number = number


@lasting
def shape_of(value):
    return Shape(value.number)


def test_a_value_has_one_shape_and_an_equal_value_another():
    one, equal = Value(1), Value(1)
    assert shape_of(one) is shape_of(one)
    assert shape_of(equal) is not shape_of(one)
    assert shape_of(equal).number == 1


def test_a_shape_goes_with_its_value():
    value = Value(2)
    life = ref(shape_of(value))
    assert life() is not None
    del value
    gc.collect()
    assert life() is None
