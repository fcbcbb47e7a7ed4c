/** Runs each scenario with runc and with tsrun, and compares what can be seen: runc is the oracle. */
import { existsSync } from 'node:fs'
import { differences } from './differences.mjs'
import { runtimes } from './sandbox.mjs'

/**
 * @typedef {object} Scenario
 * @property {string} title
 * @property {string} script for bash, with the engine's command in PATH
 * @property {string} [prints] what it has to print, where that is known: also runc has to
 * @property {boolean} [succeeds] has to exit with 0, whatever the oracle does
 * @property {number} [timeout] milliseconds
 * @property {{ script: string, what: string }} [needs] `what` is missing where `script` fails: the scenario is skipped
 */

/**
 * @param {import('tap').Test} t
 * @param {{ engine: string, scenarios: readonly Scenario[], start: (runtime: string) => Promise<object>, forms?: readonly string[] }} options
 *   `forms` are those of tsrun that are compared, each with its own engine: only the one that tests have if it is not given
 */
export async function compare(t, { engine, scenarios, start, forms = ['tsrun'] }) {
  const absent = forms.filter(form => !existsSync(runtimes[form]))
  for (const form of absent) t.comment(`without ${form}, which is not built: ${runtimes[form]}`)
  const ours = forms.filter(form => !absent.includes(form))
  const pair = { ours, sandboxes: [], renew: () => renew(pair, start) }
  t.teardown(() => closeAll(pair))
  await pair.renew()
  for (const scenario of scenarios) {
    const skip = await missing(scenario, pair.sandboxes[0])
    await t.test(scenario.title, { skip }, t => compareOne(t, { engine, scenario, pair }))
  }
  await t.test('Nothing is left when the engine has stopped', async t => {
    const left = await Promise.all(pair.sandboxes.map(leave))
    for (const [index, form] of ours.entries()) t.strictSame(left[index], { processes: '', cgroups: [] }, form)
    t.comment(`with runc: ${JSON.stringify(left.at(-1))}`)
  })
}

/** Two engines, started; those that were there before are gone. */
async function renew(pair, start) {
  await closeAll(pair)
  const started = await Promise.allSettled([...pair.ours, 'runc'].map(start))
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
  const observed = await observe(pair, scenario)
  const runc = observed.at(-1)
  for (const [index, form] of pair.ours.entries())
    await compareForm(t, { form, scenario, pair, known, tsrun: observed[index], runc })
}

async function compareForm(t, { form, scenario, pair, known, tsrun, runc }) {
  const said = `with ${form}:\n${tsrun.stderr}\nwith runc:\n${runc.stderr}`
  t.notOk(isStuck(tsrun), `${form} comes to its end`, { said })
  if (known === undefined) {
    const oracle = isSame(tsrun, runc) ? runc : await consultAgain(t, { scenario, pair, tsrun, runc })
    t.strictSame(seen(tsrun), seen(oracle), `${form} as runc`, { said })
  } else
    t.strictSame(seen(tsrun), { exitCode: 0, prints: known.tsrun }, `${form} better than runc: ${known.reason}`, {
      said,
    })
  if (scenario.succeeds) t.equal(tsrun.exitCode, 0, `${form} succeeds`, { said })
  if (scenario.prints !== undefined && known === undefined)
    t.equal(tsrun.stdout, scenario.prints, `${form} prints what it should`, { said })
}

/**
 * The engines have races of their own, and runc's side loses one now and then: so the oracle is asked again, and what was seen
 * with tsrun has to be among its answers. There is one observation of tsrun, and no second one.
 */
async function consultAgain(t, { scenario, pair, tsrun, runc }) {
  t.comment(`differs: ${JSON.stringify(seen(tsrun))}, with runc ${JSON.stringify(seen(runc))}; runc once more`)
  const second = await observeOne(pair.sandboxes.at(-1), scenario)
  if (second.exitCode === 'timed out') await pair.renew()
  return isSame(tsrun, second) ? second : runc
}

const isSame = (one, other) => JSON.stringify(seen(one)) === JSON.stringify(seen(other))

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
