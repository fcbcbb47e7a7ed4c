/** Runs each scenario with runc and with tsrun, and compares what can be seen: runc is the oracle. */
import { differences } from './differences.mjs'

/**
 * @typedef {object} Scenario
 * @property {string} title
 * @property {string} script for bash, with the engine's command in PATH
 * @property {string} [prints] what it has to print, where that is known: also runc has to
 * @property {number} [timeout] milliseconds
 * @property {{ script: string, what: string }} [needs] `what` is missing where `script` fails: the scenario is skipped
 */

/**
 * @param {import('tap').Test} t
 * @param {{ engine: string, scenarios: readonly Scenario[], start: (runtime: string) => Promise<object> }} options
 */
export async function compare(t, { engine, scenarios, start }) {
  const pair = { sandboxes: [], renew: () => renew(pair, start) }
  t.teardown(() => closeAll(pair))
  await pair.renew()
  for (const scenario of scenarios) {
    const skip = await missing(scenario, pair.sandboxes[0])
    await t.test(scenario.title, { skip }, t => compareOne(t, { engine, scenario, pair }))
  }
  await t.test('Nothing is left when the engine has stopped', async t => {
    const [tsrun, runc] = await Promise.all(pair.sandboxes.map(leave))
    t.strictSame(tsrun, { processes: '', cgroups: [] })
    t.comment(`with runc: ${JSON.stringify(runc)}`)
  })
}

/** Two engines, started; those that were there before are gone. */
async function renew(pair, start) {
  await closeAll(pair)
  const started = await Promise.allSettled(['tsrun', 'runc'].map(start))
  pair.sandboxes = started.filter(({ status }) => status === 'fulfilled').map(({ value }) => value)
  const failure = started.find(({ status }) => status === 'rejected')
  if (failure !== undefined) throw failure.reason
}

const closeAll = ({ sandboxes }) => Promise.all(sandboxes.map(sandbox => sandbox.close()))

async function missing({ needs }, sandbox) {
  if (needs === undefined) return false
  const { exitCode, stderr } = await sandbox.run(needs.script)
  return exitCode === 0 ? false : `needs ${needs.what}: ${stderr.trim()}`
}

async function leave(sandbox) {
  await sandbox.stop()
  const processes = await sandbox.processes()
  return { processes, cgroups: await sandbox.close() }
}

async function compareOne(t, { engine, scenario, pair }) {
  const known = differences.find(each => each.engine === engine && each.title === scenario.title)
  const [tsrun, runc] = known === undefined ? await observeBoth(t, scenario, pair) : await observe(pair, scenario)
  const said = `with tsrun:\n${tsrun.stderr}\nwith runc:\n${runc.stderr}`
  t.notOk(isStuck(tsrun), 'comes to its end', { said })
  if (known === undefined) t.strictSame(seen(tsrun), seen(runc), 'as with runc', { said })
  else
    t.strictSame(seen(tsrun), { exitCode: 0, prints: known.tsrun }, `better than with runc: ${known.reason}`, { said })
  if (scenario.prints !== undefined && known === undefined)
    t.equal(tsrun.stdout, scenario.prints, 'prints what it should', { said })
}

/** The engines' own races show on a busy machine: what differs is looked at once more, and told. */
async function observeBoth(t, scenario, pair) {
  const first = await observe(pair, scenario)
  const [tsrun, runc] = first
  if (JSON.stringify(seen(tsrun)) === JSON.stringify(seen(runc)) && !isStuck(tsrun)) return first
  t.comment(`differed at first: ${JSON.stringify(seen(tsrun))}, with runc ${JSON.stringify(seen(runc))}`)
  return await observe(pair, scenario)
}

const seen = ({ exitCode, stdout }) => ({ exitCode, prints: stdout })

/** A time-out, also one of `eventually`. */
const isStuck = ({ exitCode, stdout }) => exitCode === 'timed out' || /^never: /m.test(stdout)

async function observe(pair, scenario) {
  const observed = await Promise.all(pair.sandboxes.map(sandbox => observeOne(sandbox, scenario)))
  // Daemons have deadlocks of their own: what hangs once would hang in all that follows.
  if (observed.some(({ exitCode }) => exitCode === 'timed out')) await pair.renew()
  return observed
}

async function observeOne(sandbox, { script, timeout }) {
  const observed = await sandbox.run(script, { timeout })
  const cleaned = await sandbox.clean()
  return { ...observed, stderr: `${observed.stderr}${cleaned.stderr}` }
}
