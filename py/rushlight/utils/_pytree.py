"""Trees: nested dicts, lists, tuples … of anything, flattened to a list of leaves and a spec, and back."""

from __future__ import annotations

import json
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

__all__ = [
    "PyTree",
    "TreeSpec",
    "register_pytree_node",
    "tree_all",
    "tree_all_only",
    "tree_any",
    "tree_any_only",
    "tree_flatten",
    "tree_iter",
    "tree_leaves",
    "tree_map",
    "tree_map_",
    "tree_map_only",
    "tree_map_only_",
    "tree_structure",
    "tree_unflatten",
    "treespec_dumps",
    "treespec_loads",
]

PyTree = Any
Context = Any


class NodeDef(NamedTuple):
    """How a type of node comes apart and together."""

    type: type
    flatten_fn: Callable[[Any], tuple[list, Any]]
    unflatten_fn: Callable[[Iterable, Any], Any]
    flatten_with_keys_fn: Callable | None = None


class SequenceKey(NamedTuple):
    """Where a child of a sequence is."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"


class MappingKey(NamedTuple):
    """Where a child of a mapping is."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"


class GetAttrKey(NamedTuple):
    """Where a child that is an attribute is."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


SUPPORTED_NODES: dict[type, NodeDef] = {}
_names: dict[str, type] = {}


def register_pytree_node(
    cls: type,
    flatten_fn: Callable[[Any], tuple[list, Any]],
    unflatten_fn: Callable[[Iterable, Any], Any],
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Callable | None = None,
    from_dumpable_context: Callable | None = None,
    flatten_with_keys_fn: Callable | None = None,
) -> None:
    """Makes `cls` a node: `flatten_fn(x) -> (children, context)` and `unflatten_fn(children, context) -> x`.

    Raises:
        ValueError: if it is one already.
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn)
    _names[serialized_type_name or f"{cls.__module__}.{cls.__qualname__}"] = cls


_register_pytree_node = register_pytree_node


def _dict_flatten(d: dict) -> tuple[list, Context]:
    return list(d.values()), list(d.keys())


def _dict_unflatten(values: Iterable, context: Context) -> dict:
    return dict(zip(context, values))


def _dict_flatten_with_keys(d: dict) -> tuple[list, Context]:
    values, context = _dict_flatten(d)
    return [(MappingKey(k), v) for k, v in zip(context, values)], context


def _sequence_flatten_with_keys(values: Any) -> tuple[list, Context]:
    children, context = SUPPORTED_NODES[_get_node_type(values)].flatten_fn(values)
    return [(SequenceKey(n), v) for n, v in enumerate(children)], context


def _list_flatten(values: list) -> tuple[list, Context]:
    return values, None


def _list_unflatten(values: Iterable, context: Context) -> list:
    return list(values)


def _tuple_flatten(values: tuple) -> tuple[list, Context]:
    return list(values), None


def _tuple_unflatten(values: Iterable, context: Context) -> tuple:
    return tuple(values)


register_pytree_node(tuple, _tuple_flatten, _tuple_unflatten, flatten_with_keys_fn=_sequence_flatten_with_keys)
register_pytree_node(list, _list_flatten, _list_unflatten, flatten_with_keys_fn=_sequence_flatten_with_keys)
register_pytree_node(dict, _dict_flatten, _dict_unflatten, flatten_with_keys_fn=_dict_flatten_with_keys)
register_pytree_node(
    namedtuple,  # type: ignore[arg-type]
    lambda values: (list(values), type(values)),
    lambda values, context: context(*values),
    serialized_type_name="collections.namedtuple",
    flatten_with_keys_fn=lambda values: ([(GetAttrKey(k), v) for k, v in zip(values._fields, values)], type(values)),
)
register_pytree_node(
    OrderedDict,
    _dict_flatten,
    lambda values, context: OrderedDict(zip(context, values)),
    flatten_with_keys_fn=_dict_flatten_with_keys,
)
register_pytree_node(
    defaultdict,
    lambda d: (list(d.values()), [d.default_factory, list(d.keys())]),
    lambda values, context: defaultdict(context[0], zip(context[1], values)),
    flatten_with_keys_fn=lambda d: ([(MappingKey(k), v) for k, v in d.items()], [d.default_factory, list(d.keys())]),
)
register_pytree_node(
    deque,
    lambda d: (list(d), d.maxlen),
    lambda values, context: deque(values, maxlen=context),
    flatten_with_keys_fn=_sequence_flatten_with_keys,
)


def _get_node_type(tree: Any) -> Any:
    cls = type(tree)
    if cls not in SUPPORTED_NODES and isinstance(tree, tuple) and hasattr(cls, "_fields"):
        return namedtuple
    return cls


def _is_leaf(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    return (is_leaf is not None and is_leaf(tree)) or _get_node_type(tree) not in SUPPORTED_NODES


class TreeSpec:
    """The structure of a tree without its leaves: a node's type, what else it needs, and the specs of its children."""

    __slots__ = ("_children", "context", "num_children", "num_leaves", "num_nodes", "type")

    def __init__(self, type: Any, context: Context, children_specs: list[TreeSpec]) -> None:
        self.type = type
        self.context = context
        self._children = list(children_specs)
        self.num_nodes = 1 + sum(child.num_nodes for child in self._children)
        self.num_leaves = 1 if type is None else sum(child.num_leaves for child in self._children)
        self.num_children = len(self._children)

    @property
    def children_specs(self) -> list[TreeSpec]:
        """The specs of the children."""
        return self._children

    def children(self) -> list[TreeSpec]:
        """The specs of the children."""
        return list(self._children)

    def child(self, index: int) -> TreeSpec:
        """The spec of one child."""
        return self._children[index]

    def is_leaf(self) -> bool:
        """Whether this stands for a leaf."""
        return self.type is None

    def flatten_up_to(self, tree: Any) -> list:
        """The parts of `tree` that are where this spec has leaves.

        Raises:
            ValueError: if `tree` has not this structure.
        """
        if self.type is None:
            return [tree]
        kind = _get_node_type(tree)
        mapping = (dict, OrderedDict, defaultdict)
        if kind is not self.type and not (kind in mapping and self.type in mapping):
            raise ValueError(f"Type mismatch; expected {self.type!r}, but got {type(tree)!r}.")
        children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
        if len(children) != self.num_children:
            raise ValueError(f"Node arity mismatch; expected {self.num_children}, but got {len(children)}.")
        if self.type in mapping:
            keys = self.context[1] if self.type is defaultdict else self.context
            if set(keys) != set(tree):
                raise ValueError(f"Node keys mismatch; expected {list(keys)}, but got {list(tree)}.")
            children = [tree[key] for key in keys]
        elif context != self.context:
            raise ValueError(f"Node context mismatch; expected {self.context!r}, but got {context!r}.")
        return [leaf for child, spec in zip(children, self._children) for leaf in spec.flatten_up_to(child)]

    def unflatten(self, leaves: Iterable) -> Any:
        """The tree with these leaves.

        Raises:
            ValueError: if their number is not that of the spec.
        """
        leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec refers to a pytree that "
                f"holds {self.num_leaves} items ({self})."
            )
        return self._build(iter(leaves))

    def _build(self, leaves: Any) -> Any:
        if self.type is None:
            return next(leaves)
        return SUPPORTED_NODES[self.type].unflatten_fn([child._build(leaves) for child in self._children], self.context)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return self.type is other.type and self.context == other.context and self._children == other._children

    def __hash__(self) -> int:
        return hash((self.type, self.num_leaves, tuple(self._children)))

    def __repr__(self) -> str:
        if self.type is None:
            return "*"
        children = ", ".join(map(repr, self._children))
        return f"TreeSpec({self.type.__name__}, {self.context}, [{children}])"


class LeafSpec(TreeSpec):
    """The spec of a leaf."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(None, None, [])


_LEAF = LeafSpec()


def tree_flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list, TreeSpec]:
    """The leaves of a tree, and its structure.

    Example::

        >>> tree_flatten({"a": 1, "b": [2, 3]})
        ([1, 2, 3], TreeSpec(dict, ['a', 'b'], [*, TreeSpec(list, None, [*, *])]))
    """
    leaves: list = []

    def visit(node: Any) -> TreeSpec:
        if _is_leaf(node, is_leaf):
            leaves.append(node)
            return _LEAF
        kind = _get_node_type(node)
        children, context = SUPPORTED_NODES[kind].flatten_fn(node)
        return TreeSpec(kind, context, [visit(child) for child in children])

    return leaves, visit(tree)


def tree_unflatten(leaves: Iterable, treespec: TreeSpec) -> Any:
    """The tree of this structure with these leaves."""
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            "tree_unflatten(leaves, treespec): Expected `treespec` to be instance of TreeSpec but got item of type "
            f"{type(treespec)}."
        )
    return treespec.unflatten(leaves)


def tree_iter(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> Iterable:
    """The leaves, one after the other."""
    if _is_leaf(tree, is_leaf):
        yield tree
        return
    for child in SUPPORTED_NODES[_get_node_type(tree)].flatten_fn(tree)[0]:
        yield from tree_iter(child, is_leaf)


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list:
    """The leaves."""
    return list(tree_iter(tree, is_leaf))


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    """The structure."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func: Callable, tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """A tree of the same structure whose leaves are `func` of the leaves of `tree` (and of `rests`, in the same
    places).
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    columns = [leaves, *(spec.flatten_up_to(rest) for rest in rests)]
    return spec._build(map(func, *columns))


def tree_map_(func: Callable, tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """Calls `func` for every leaf; returns `tree`."""
    leaves, spec = tree_flatten(tree, is_leaf)
    for values in zip(leaves, *(spec.flatten_up_to(rest) for rest in rests)):
        func(*values)
    return tree


def _test(what: Any) -> Callable[[Any], bool]:
    """Whether a leaf is meant: `what` is a type, types, or a function."""
    if isinstance(what, (type, tuple)) or type(what).__name__ == "UnionType":
        return lambda leaf: isinstance(leaf, what)
    if callable(what):
        return what
    raise TypeError("Argument must be a type, a tuple of types, or a callable.")


def map_only(type_or_types_or_pred: Any, /) -> Callable:
    """A decorator: the function changes only leaves of these types."""
    test = _test(type_or_types_or_pred)

    def decorate(func: Callable) -> Callable:
        return lambda leaf: func(leaf) if test(leaf) else leaf

    return decorate


def tree_map_only(
    type_or_types_or_pred: Any, /, func: Callable, tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> Any:
    """`tree_map` for the leaves of these types; the others stay."""
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(
    type_or_types_or_pred: Any, /, func: Callable, tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> Any:
    """`tree_map_` for the leaves of these types."""
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether `pred` holds for all leaves."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether `pred` holds for a leaf."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(
    types: Any, /, pred: Callable[[Any], bool], tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> bool:
    """Whether `pred` holds for all leaves of these types."""
    return all(pred(leaf) for leaf in tree_iter(tree, is_leaf) if isinstance(leaf, types))


def tree_any_only(
    types: Any, /, pred: Callable[[Any], bool], tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> bool:
    """Whether `pred` holds for a leaf of these types."""
    return any(pred(leaf) for leaf in tree_iter(tree, is_leaf) if isinstance(leaf, types))


def tree_flatten_with_path(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list, TreeSpec]:
    """Like `tree_flatten`, with the path to each leaf: pairs `(path, leaf)`."""
    found: list = []

    def visit(node: Any, path: tuple) -> None:
        if _is_leaf(node, is_leaf):
            found.append((path, node))
            return
        definition = SUPPORTED_NODES[_get_node_type(node)]
        if definition.flatten_with_keys_fn is None:
            raise ValueError(
                f"Did not find a flatten_with_keys_fn for type: {type(node)}. Please pass one when registering."
            )
        for key, child in definition.flatten_with_keys_fn(node)[0]:
            visit(child, (*path, key))

    visit(tree, ())
    return found, tree_structure(tree, is_leaf)


def tree_map_with_path(func: Callable, tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """Like `tree_map`; `func` is given the path to the leaf first."""
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    columns = [list(column) for column in zip(*pairs)] or [[], []]
    return spec.unflatten(map(func, *columns, *(spec.flatten_up_to(rest) for rest in rests)))


def keystr(path: Iterable) -> str:
    """A path as text."""
    return "".join(map(str, path))


def key_get(tree: Any, path: Iterable) -> Any:
    """What is at a path."""
    for key in path:
        tree = getattr(tree, key.name) if isinstance(key, GetAttrKey) else tree[key[0]]
    return tree


def _broadcast_to_and_flatten(
    tree: Any, treespec: TreeSpec, is_leaf: Callable[[Any], bool] | None = None
) -> list | None:
    """The leaves of `tree`, one that stands for a whole subtree of `treespec` repeated; None if they do not fit."""
    if _is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    if treespec.is_leaf() or _get_node_type(tree) is not treespec.type:
        return None
    children, context = SUPPORTED_NODES[treespec.type].flatten_fn(tree)
    if len(children) != treespec.num_children or context != treespec.context:
        return None
    result: list = []
    for child, spec in zip(children, treespec.children_specs):
        flat = _broadcast_to_and_flatten(child, spec, is_leaf)
        if flat is None:
            return None
        result += flat
    return result


def treespec_dumps(treespec: TreeSpec, protocol: int | None = None) -> str:
    """A spec as JSON; contexts must be what JSON can say."""
    known = {cls: name for name, cls in _names.items()}

    def pack(spec: TreeSpec) -> dict:
        if spec.type is None:
            return {"type": None, "context": None, "children_spec": []}
        if spec.type in (namedtuple, defaultdict):
            raise NotImplementedError(f"treespec_dumps: a {spec.type.__name__} cannot be written; use dicts and tuples")
        return {
            "type": known[spec.type],
            "context": json.dumps(spec.context),
            "children_spec": [pack(c) for c in spec.children_specs],
        }

    return json.dumps([1 if protocol is None else protocol, pack(treespec)])


def treespec_loads(serialized: str) -> TreeSpec:
    """The spec that `treespec_dumps` wrote."""

    def unpack(data: dict) -> TreeSpec:
        if data["type"] is None:
            return _LEAF
        return TreeSpec(
            _names[data["type"]], json.loads(data["context"]), [unpack(child) for child in data["children_spec"]]
        )

    return unpack(json.loads(serialized)[1])
