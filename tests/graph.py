"""Writes documents that ask for everything: every field of every type that can be reached."""

from graphql import (
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_required_argument,
)

from gateway.schema import schema

GRAPH = schema._schema


def call(name, field, arguments):
    """Write a field with the arguments that it needs, and others that are named as optional.

    What is prepared for an argument of one type goes before what is for all of its name. Raises
    KeyError for one not prepared.
    """
    given = [
        f"{key}: {arguments.get(f'{key}: {get_named_type(argument.type)}') or arguments[key]}"
        for key, argument in field.args.items()
        if is_required_argument(argument) or key in arguments.get("optional", ())
    ]
    return f"{name}({', '.join(given)})" if given else name


def everything(named, arguments, seen, *, but=frozenset()):
    """Select all fields of a type and of all it leads to, each type the first time it is met.

    Fields are aliased by their type, so that those of different types never clash; those whose
    alias is among ``but`` are left out.
    """
    if not is_abstract_type(named):
        fresh = [named] if named.name not in seen else []
        seen.add(named.name)
        return "{ __typename " + "".join(_fields(one, arguments, seen, but) for one in fresh) + "}"
    possible = GRAPH.get_possible_types(named)
    fresh = sorted((one for one in possible if one.name not in seen), key=lambda one: one.name)
    seen.update({named.name, *(one.name for one in fresh)})
    parts = [f"... on {one.name} {{ {_fields(one, arguments, seen, but)} }}" for one in fresh]
    return "{ __typename " + " ".join(parts) + " }"


def _fields(named, arguments, seen, but):
    text = ""
    for name, field in named.fields.items():
        if f"{named.name}_{name}" in but:
            continue
        inner = get_named_type(field.type)
        text += f"{named.name}_{name}: {call(name, field, arguments)} "
        text += "" if is_leaf_type(inner) else f"{everything(inner, arguments, seen, but=but)} "
    return text


def types_in(value):
    """Return the names of all types that an answer has objects of."""
    if isinstance(value, dict):
        own = {value["__typename"]} if "__typename" in value else set()
        return own.union(*(types_in(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(types_in(item) for item in value))
    return set()


def without(value, names):
    """Return an answer without some fields, at any depth."""
    if isinstance(value, dict):
        return {key: without(item, names) for key, item in value.items() if key not in names}
    return [without(item, names) for item in value] if isinstance(value, list) else value


def found(value, name):
    """Return all values of a field, at any depth."""
    if isinstance(value, dict):
        own = [value[name]] if name in value else []
        return own + [one for item in value.values() for one in found(item, name)]
    return [one for item in value for one in found(item, name)] if isinstance(value, list) else []
