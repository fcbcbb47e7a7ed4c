/** Runs each scenario with runc and with tsrun, and compares what can be seen: runc is the oracle. */
import { differences } from './differences.mjs'

/**
 * @typedef {object} Scenario
 * @property {string} title
 * @property {string} script for bash, with the engine's command in PATH
 * @property {string} [prints] what it has to print, where that is known: also runc has to
 * @property {number} [timeout] milliseconds
 */

/**
 * @param {import('tap').Test} t
 * @param {{ engine: string, scenarios: readonly Scenario[], start: (runtime: string) => Promise<object> }} options
 */
export async function compare(t, { engine, scenarios, start }) {
  const started = await Promise.allSettled(['tsrun', 'runc'].map(start))
  const sandboxes = started.filter(({ status }) => status === 'fulfilled').map(({ value }) => value)
  t.teardown(() => Promise.all(sandboxes.map(sandbox => sandbox.close())))
  const failure = started.find(({ status }) => status === 'rejected')
  if (failure !== undefined) throw failure.reason
  for (const scenario of scenarios) await t.test(scenario.title, t => compareOne(t, { engine, scenario, sandboxes }))
  await t.test('Nothing is left when the engine has stopped', async t => {
    const [tsrun, runc] = await Promise.all(sandboxes.map(leave))
    t.strictSame(tsrun, { processes: '', cgroups: [] })
    t.comment(`with runc: ${JSON.stringify(runc)}`)
  })
}

async function leave(sandbox) {
  await sandbox.stop()
  const processes = await sandbox.processes()
  return { processes, cgroups: await sandbox.close() }
}

async function compareOne(t, { engine, scenario, sandboxes }) {
  const [tsrun, runc] = await observeBoth(t, scenario, sandboxes)
  const said = `with tsrun:\n${tsrun.stderr}\nwith runc:\n${runc.stderr}`
  const known = differences.find(each => each.engine === engine && each.title === scenario.title)
  if (known === undefined) t.strictSame(seen(tsrun), seen(runc), 'as with runc', { said })
  else
    t.strictSame(seen(tsrun), { exitCode: 0, prints: known.tsrun }, `better than with runc: ${known.reason}`, { said })
  if (scenario.prints !== undefined && known === undefined)
    t.equal(tsrun.stdout, scenario.prints, 'prints what it should', { said })
}

/** The engines' own races show on a busy machine: what differs is looked at once more, and told. */
async function observeBoth(t, scenario, sandboxes) {
  const once = () => Promise.all(sandboxes.map(sandbox => observe(sandbox, scenario)))
  const [tsrun, runc] = await once()
  if (JSON.stringify(seen(tsrun)) === JSON.stringify(seen(runc))) return [tsrun, runc]
  t.comment(`differed at first: ${JSON.stringify(seen(tsrun))}, with runc ${JSON.stringify(seen(runc))}`)
  return once()
}

const seen = ({ exitCode, stdout }) => ({ exitCode, prints: stdout })

async function observe(sandbox, { script, timeout }) {
  const observed = await sandbox.run(script, { timeout })
  const cleaned = await sandbox.clean()
  return { ...observed, stderr: `${observed.stderr}${cleaned.stderr}` }
}
