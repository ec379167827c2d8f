"""Merkle trees as compact ranges, held to RFC 6962's own definition."""

from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.proof.tree import EMPTY_ROOT, Range, compact, merge, of_leaves, shape

# The tree that implementations of RFC 6962 share as their example: its leaves' data, and its root at each size.
DATA = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

LEAVES = [sha256(b"%d" % number).digest() for number in range(80)]


def tree_head(leaves):
    """MTH as section 2.1 defines it, on leaf hashes."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + tree_head(leaves[:split]) + tree_head(leaves[split:])).digest()


def test_roots_are_those_of_the_shared_example():
    """Appending the example's leaves gives its root at each size."""
    tree, roots = Range(0, 0), []
    for data in DATA:
        tree = tree.append(sha256(b"\0" + bytes.fromhex(data)).digest())
        roots.append(tree.root().hex())
    assert roots == ROOTS


def test_empty_tree():
    """A tree without leaves has the hash of nothing as its root."""
    assert Range(0, 0).root() == EMPTY_ROOT == tree_head([])


@given(st.lists(st.integers(0, 80), min_size=1, max_size=6))
def test_parts_merge_to_the_root_of_the_whole(cuts):
    """However a log is cut into adjacent ranges, merged they give the root that the definition gives."""
    bounds = [0, *sorted(cuts)]
    tree = Range(0, 0)
    for begin, end in pairwise(bounds):
        tree = merge(tree, of_leaves(begin, LEAVES[begin:end]))
    assert tree.root() == tree_head(LEAVES[: bounds[-1]])


@given(st.integers(0, 80), st.integers(0, 80), st.integers(0, 80))
def test_a_range_is_the_same_however_it_came_about(one, two, three):
    """All leaves at once, one after the other, or two parts merged from right to left: one range."""
    begin, middle, end = sorted((one, two, three))
    single = Range(begin, begin)
    for leaf in LEAVES[begin:end]:
        single = single.append(leaf)
    parts = merge(of_leaves(begin, LEAVES[begin:middle]), of_leaves(middle, LEAVES[middle:end]))
    assert single == parts == of_leaves(begin, LEAVES[begin:end])
    assert compact(*single) == single


@given(st.integers(0, 2**63), st.integers(0, 2**20))
def test_shape_covers_the_range_with_aligned_subtrees(begin, length):
    """Each subtree begins at a multiple of its size, and together they are the range."""
    at = begin
    for level in shape(begin, begin + length):
        assert at % (1 << level) == 0
        at += 1 << level
    assert at == begin + length


@pytest.mark.parametrize(
    ("begin", "end", "hashes", "told"),
    [
        (3, 2, [], "is no range"),
        (-1, 2, [], "is no range"),
        (0, 2**64, [], "is no range"),
        (0, 3, LEAVES[:3], "2 subtrees, not 3"),
        (0, 1, [b"short"], "has not 32 bytes"),
    ],
)
def test_what_cannot_be_a_range_is_refused(begin, end, hashes, told):
    """Bounds, the number of hashes and their lengths are checked."""
    with pytest.raises(ValueError, match=told):
        compact(begin, end, hashes)


def test_ranges_that_are_not_adjacent_do_not_merge():
    """A gap or an overlap is an error, and so is the root of a range that does not begin at the first leaf."""
    with pytest.raises(ValueError, match="do not go on"):
        merge(of_leaves(0, LEAVES[:2]), of_leaves(3, LEAVES[3:4]))
    with pytest.raises(ValueError, match="from the first"):
        of_leaves(2, LEAVES[:2]).root()
