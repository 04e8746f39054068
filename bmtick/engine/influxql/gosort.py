"""Go's ``sort.Sort`` and ``container/heap``: neither is stable, so ties depend on the algorithm.

The point that ``percentile`` selects among equal values, and thereby the tags of the alert, depends
on them. Source: Go 1.19 to 1.26, ``sort/zsortinterface.go`` (pattern-defeating quicksort) and
``container/heap/heap.go``. Older versions of Go have another quicksort.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")
Less = Callable[[T, T], bool]

_INSERTION: Final = 12
_NINTHER: Final = 50
_MAX_STEPS: Final = 5
_MASK: Final = (1 << 64) - 1


def go_sorted(items: list[T], less: Less[T]) -> list[T]:
    """Return the items in the order of ``sort.Sort``."""
    sorter = _Sorter(list(items), less)
    sorter.sort(0, len(items), len(items).bit_length())
    return sorter.items


def heap_largest(items: list[T], less: Less[T], count: int) -> list[T]:
    """Return the first ``count`` items in the order of ``heap.Init`` and ``heap.Pop``."""
    heap = list(items)
    for i in range(len(heap) // 2 - 1, -1, -1):
        _down(heap, less, i, len(heap))
    out = []
    for _ in range(count):
        last = len(heap) - 1
        heap[0], heap[last] = heap[last], heap[0]
        _down(heap, less, 0, last)
        out.append(heap.pop())
    return out


def _down(heap: list[T], less: Less[T], i: int, n: int) -> None:
    while (left := 2 * i + 1) < n:
        right = left + 1
        j = right if right < n and less(heap[right], heap[left]) else left
        if not less(heap[j], heap[i]):
            break
        heap[i], heap[j] = heap[j], heap[i]
        i = j


class _Sorter(Generic[T]):
    """Pattern-defeating quicksort, step for step as in Go."""

    def __init__(self, items: list[T], less: Less[T]) -> None:
        self.items: list[T] = items
        self._compare = less
        self._swaps = 0

    def less(self, i: int, j: int) -> bool:
        return self._compare(self.items[i], self.items[j])

    def swap(self, i: int, j: int) -> None:
        self.items[i], self.items[j] = self.items[j], self.items[i]

    def sort(self, a: int, b: int, limit: int) -> None:
        balanced = partitioned = True
        while b - a > _INSERTION:
            length = b - a
            if limit == 0:
                self._heap_sort(a, b)
                return
            if not balanced:
                self._break_patterns(a, b)
                limit -= 1
            pivot, ordered = self._pivot(a, b)
            if balanced and partitioned and ordered and self._almost_sorted(a, b):
                return
            if a > 0 and not self.less(a - 1, pivot):
                a = self._partition_equal(a, b, pivot)
                continue
            middle, partitioned = self._partition(a, b, pivot)
            left, right = middle - a, b - middle
            if left < right:
                balanced = left >= length // 8
                self.sort(a, middle, limit)
                a = middle + 1
            else:
                balanced = right >= length // 8
                self.sort(middle + 1, b, limit)
                b = middle
        self._insertion_sort(a, b)

    def _insertion_sort(self, a: int, b: int) -> None:
        for i in range(a + 1, b):
            j = i
            while j > a and self.less(j, j - 1):
                self.swap(j, j - 1)
                j -= 1

    def _heap_sort(self, first: int, end: int) -> None:
        size = end - first
        for i in range((size - 1) // 2, -1, -1):
            self._sift_down(i, size, first)
        for i in range(size - 1, -1, -1):
            self.swap(first, first + i)
            self._sift_down(0, i, first)

    def _sift_down(self, root: int, size: int, first: int) -> None:
        while (child := 2 * root + 1) < size:
            if child + 1 < size and self.less(first + child, first + child + 1):
                child += 1
            if not self.less(first + root, first + child):
                return
            self.swap(first + root, first + child)
            root = child

    def _partition(self, a: int, b: int, pivot: int) -> tuple[int, bool]:
        self.swap(a, pivot)
        i, j = a + 1, b - 1
        first = True
        while True:
            while i <= j and self.less(i, a):
                i += 1
            while i <= j and not self.less(j, a):
                j -= 1
            if i > j:
                break
            self.swap(i, j)
            i, j, first = i + 1, j - 1, False
        self.swap(j, a)
        return j, first

    def _partition_equal(self, a: int, b: int, pivot: int) -> int:
        self.swap(a, pivot)
        i, j = a + 1, b - 1
        while True:
            while i <= j and not self.less(a, i):
                i += 1
            while i <= j and self.less(a, j):
                j -= 1
            if i > j:
                return i
            self.swap(i, j)
            i, j = i + 1, j - 1

    def _almost_sorted(self, a: int, b: int) -> bool:
        i = a + 1
        for _ in range(_MAX_STEPS):
            while i < b and not self.less(i, i - 1):
                i += 1
            if i == b:
                return True
            if b - a < _NINTHER:
                return False
            self.swap(i, i - 1)
            if i - a >= 2:
                self._shift_left(i - 1)
            if b - i >= 2:
                self._shift_right(i + 1, b)
        return False

    def _shift_left(self, start: int) -> None:
        for j in range(start, 0, -1):
            if not self.less(j, j - 1):
                break
            self.swap(j, j - 1)

    def _shift_right(self, start: int, end: int) -> None:
        for j in range(start, end):
            if not self.less(j, j - 1):
                break
            self.swap(j, j - 1)

    def _break_patterns(self, a: int, b: int) -> None:
        length = b - a
        random, modulus = length, 1 << length.bit_length()
        middle = a + (length // 4) * 2
        for index in range(middle - 1, middle + 2):
            random ^= (random << 13) & _MASK
            random ^= random >> 7
            random ^= (random << 17) & _MASK
            other = random & (modulus - 1)
            self.swap(index, a + (other - length if other >= length else other))

    def _pivot(self, a: int, b: int) -> tuple[int, bool]:
        """Return the pivot and whether the range looks sorted; a reversed range is reversed first."""
        quarter = (b - a) // 4
        i, j, k = a + quarter, a + quarter * 2, a + quarter * 3
        self._swaps = 0
        if b - a >= _NINTHER:
            i, j, k = (self._median(x - 1, x, x + 1) for x in (i, j, k))
        j = self._median(i, j, k)
        if self._swaps == 12:
            self.items[a:b] = self.items[a:b][::-1]
            return b - 1 - (j - a), True
        return j, self._swaps == 0

    def _median(self, a: int, b: int, c: int) -> int:
        a, b = self._ordered(a, b)
        b, c = self._ordered(b, c)
        return self._ordered(a, b)[1]

    def _ordered(self, a: int, b: int) -> tuple[int, int]:
        if self.less(b, a):
            self._swaps += 1
            return b, a
        return a, b
