/** Medians, spreads and ratios. */

export function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * share
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]]
  return low + (high - low) * (place - Math.floor(place))
}

export const median = values => quantile(values, 0.5)

/** The median of what the rounds say, each compared within itself: what disturbs a round disturbs both sides. */
export function ratio(rounds, divisors) {
  return median(rounds.map((round, index) => median(round) / median(divisors[index])))
}
