/**
 * Runs all tests as `npm test` does, and what fails once more, alone: a busy machine can make a test late, but not twice.
 * Prints TAP in which each file stands once, as it ended last. For continuous integration.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** Calls `onFile` with the lines of each test file as it ends: its name, whether it passed, its TAP. */
async function runTap(args, onFile) {
  const tap = spawn('npx', ['tap', '--reporter=tap', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise(resolve => tap.once('close', resolve))
  let lines = []
  for await (const line of createInterface({ input: tap.stdout })) {
    lines.push(line)
    const end = /^(not )?ok \d+ - (\S+\.test\.ts)/.exec(line)
    if (end === null) continue
    onFile({ name: end[2], isOk: end[1] === undefined, lines })
    lines = []
  }
  return { code: await ended, rest: lines }
}

const print = lines => process.stdout.write(`${lines.join('\n')}\n`)

const failed = []
const first = await runTap([], ({ name, isOk, lines }) => {
  if (isOk) print(lines)
  else failed.push(name)
})
// A tap that was cut off in the middle of a file has that file in what is left.
const unfinished = first.rest.flatMap(line => /^# Subtest: (\S+\.test\.ts)$/.exec(line)?.[1] ?? [])
const again = [...failed, ...unfinished]
if (again.length > 0) {
  console.error(`once more, alone: ${again.join(' ')}`)
  const second = await runTap(['--jobs=1', ...again], ({ lines }) => print(lines))
  print(second.rest.filter(line => line.startsWith('# Subtest: ')))
  process.exitCode = second.code
}
