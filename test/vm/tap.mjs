/** A few lines that print TAP, since programs start slowly where these tests run. */
import { inspect } from 'node:util'

const tests = []

/** An assertion of `node:assert` that fails, or anything else that is thrown, is the end of the test. `skip`: why it is not run. */
export function test(title, run, { skip } = {}) {
  tests.push({ title, run, skip })
}

/** Runs all tests, one after the other. */
export async function runTests() {
  let failed = 0
  for (const [index, { title, run, skip }] of tests.entries()) {
    if (skip !== undefined) {
      console.log(`ok ${index + 1} - ${title} # SKIP ${skip}`)
      continue
    }
    const started = performance.now()
    const error = await Promise.resolve()
      .then(run)
      .then(() => undefined)
      .catch(thrown => thrown ?? new Error('nothing was thrown'))
    const took = ((performance.now() - started) / 1000).toFixed(1)
    console.log(`${error === undefined ? 'ok' : 'not ok'} ${index + 1} - ${title} (${took} s)`)
    if (error === undefined) continue
    failed++
    const text = error instanceof Error ? `${error.stack}\n${inspect({ ...error })}` : inspect(error)
    console.log(['  ---', ...text.split('\n').map(line => `  ${line}`), '  ...'].join('\n'))
  }
  console.log(`1..${tests.length}`)
  return failed
}
