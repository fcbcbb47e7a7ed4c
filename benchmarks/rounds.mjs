/** Measuring, side by side. */
import { say } from './machine.mjs'

/** Rounds take turns, forwards and backwards, so that no subject always comes after the same one. */
export async function measure(subjects, rounds) {
  const results = subjects.map(({ run, cycles, ...about }) => ({ ...about, rounds: [] }))
  for (let round = 0; round <= rounds; round++) {
    say(round === 0 ? 'warming up' : `round ${round} of ${rounds}`)
    const order = subjects.map((_, index) => index)
    for (const index of round % 2 === 0 ? order : order.toReversed()) {
      const times = await subjects[index].run(subjects[index].cycles)
      if (round > 0) results[index].rounds.push(times)
    }
  }
  return results
}
