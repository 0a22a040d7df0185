"""Outward shapes are built once of a value, and go with it."""

import gc
from dataclasses import dataclass
from weakref import ref

import pytest

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


@lasting
def shape_beside(value, other):
    return Shape((value.number, other.number))


def test_a_shape_lasts_as_long_as_what_it_is_built_with_is_the_same():
    one, two, three = Value(1), Value(2), Value(3)
    first = shape_beside(one, two)
    assert shape_beside(one, two) is first
    assert shape_beside(one, three).number == (1, 3)
    assert shape_beside(one, Value(3)) is not shape_beside(one, three)


def test_what_a_shape_is_built_with_is_not_given_by_name():
    one = Value(1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'other'"):
        shape_beside(one, other=one)
