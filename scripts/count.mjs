/**
 * Reads TAP on standard input and says in few words what happened: a line for each test file as it ends, every failure
 * in full, and last of all `N passed, N failed`, counted in assertions. Exits with 1 on any failure.
 */
import { createInterface } from 'node:readline'

const totals = { passed: 0, failed: 0, skipped: 0 }
/** The subtests that we are in, from the file inwards: their name, indentation, and the totals when they began. */
const open = []
/** The failure whose diagnostics are being read, or undefined. */
let failure

const POINT = /^( *)(not )?ok\b *\d* *-? *(.*?)(?:\s+# (SKIP|TODO)\b.*|\s+# time=([\d.]+)ms)?( \{)?$/i

function begin(indent, name) {
  open.push({ indent, name, before: { ...totals } })
}

/** The end of a subtest: it adds nothing to the totals, unless it failed and nothing in it did (a crash, a time-out). */
function end({ isOk, isExcused, milliseconds }) {
  const { name, indent, before } = open.pop()
  const isNew = !isOk && !isExcused && totals.failed === before.failed
  if (isNew) fail(name)
  if (indent > 0) return
  const failed = totals.failed - before.failed
  const seconds = (milliseconds / 1000).toFixed(1)
  const verdict = failed > 0 ? `${failed} FAILED` : `${totals.passed - before.passed} passed`
  console.log(`${failed > 0 ? 'not ok' : 'ok'} ${name} (${verdict}, ${seconds} s)`)
}

function fail(name) {
  totals.failed++
  failure = [...open.map(subtest => subtest.name), name].join(' > ')
  console.log(`\nFAILED: ${failure}`)
}

/** If everything must run, a test that was skipped is one that failed. */
function skip(name) {
  if (process.env.MUST_RUN === '1' && !process.env.MAY_SKIP) return fail(`${name} (skipped, with MUST_RUN=1)`)
  totals.skipped++
  console.log(`skipped: ${[...open.map(subtest => subtest.name), name].join(' > ')}`)
}

/** A line `ok` or `not ok`. */
function point([, spaces, not, name, directive, milliseconds = 0]) {
  const indent = spaces.length
  const isOk = not === undefined
  const isExcused = directive !== undefined
  failure = undefined
  if (open.at(-1)?.indent === indent) return end({ isOk, isExcused, milliseconds })
  if (isExcused) skip(name)
  else if (isOk) totals.passed++
  else fail(name)
}

let isDiagnostic = false

for await (const line of createInterface({ input: process.stdin })) {
  const subtest = /^( *)# Subtest: (.*)$/.exec(line)
  if (/^ *---$/.test(line)) isDiagnostic = true
  if (isDiagnostic) {
    if (failure !== undefined) console.log(line)
    if (/^ *\.\.\.$/.test(line)) isDiagnostic = false
  } else if (subtest) begin(subtest[1].length, subtest[2])
  else if (/^ *Bail out!/.test(line)) fail(line.trim())
  else if (POINT.test(line)) point(POINT.exec(line))
}

// Output that ends early (tap killed, a file that never reported) is a failure too.
while (open.length > 0) fail(`${open.pop().name} did not come to its end`)
if (totals.passed + totals.failed === 0) fail('no test ran')

if (totals.skipped > 0) console.log(`\n${totals.skipped} skipped`)
console.log(`${totals.passed} passed, ${totals.failed} failed`)
process.exitCode = totals.failed > 0 ? 1 : 0
