"""What interleaved pairs of measurements say: the median of their ratios, and how sure that is."""
import math
import statistics


def median_interval(values):
    """(median, low, high, coverage): the narrowest pair of order statistics that covers the median with 95 %."""
    ordered, n = sorted(values), len(values)

    def missed(k):  # the chance that fewer than k values lie on one given side of the median
        return sum(math.comb(n, i) for i in range(k)) / 2**n

    k = 1
    while k + 1 <= n // 2 and 1 - 2 * missed(k + 1) >= 0.95:
        k += 1
    return statistics.median(ordered), ordered[k - 1], ordered[n - k], 1 - 2 * missed(k)
