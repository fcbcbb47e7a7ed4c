/** What the two commands have in common, seen side by side. */
import t from 'tap'
import { makeBundle, type TestBundle } from '../bundle.js'
import { execute, type Outcome, RUNNER, TSRUN } from '../command.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const skip = { skip: missing('root', 'busybox', 'runc') }

const COMMANDS = { tsrun: [RUNNER, TSRUN], runc: ['runc'] } as const
type Name = keyof typeof COMMANDS
type Run = (...words: readonly string[]) => Outcome

/** The command of that name with a state directory of its own. */
function commandNamed(name: Name, { bundle, directory }: TestBundle): Run {
  const [file = '', ...first] = [...COMMANDS[name], '--root', `${directory}/state-${name}`]
  return (...words) => execute(file, [...first, ...words], { cwd: bundle })
}

/** The same scene with each of the two, on a fresh bundle. */
async function both<T>(
  parent: Tap,
  command: string,
  scene: (run: Run, id: string) => Promise<T> | T,
): Promise<Record<Name, T>> {
  const results: Partial<Record<Name, T>> = {}
  for (const name of ['tsrun', 'runc'] as const) {
    await parent.test(name, async t => {
      const box = makeBundle(t)
      box.configure(config => {
        config.process.args = ['/bin/sh', '-c', command]
        delete config.linux.cgroupsPath
      })
      const [run, id] = [commandNamed(name, box), box.id(name)]
      t.teardown(() => run('delete', '--force', id))
      results[name] = await scene(run, id)
    })
  }
  return results as Record<Name, T>
}
type Tap = Parameters<typeof makeBundle>[0]

t.test('they exit with the same status in the same cases', skip, async t => {
  const words = (id: string): readonly (readonly string[])[] => [
    ['state', id],
    ['start', id],
    ['delete', id],
    ['delete', '--force', id],
    ['create', id],
    ['create', id],
    ['state', id],
    ['delete'],
    ['start', '--bogus', id],
    ['kill', id, 'NONSENSE'],
    ['start', id],
    ['start', id],
    ['delete', id],
    ['create', id],
    ['kill', id, 'KILL'],
  ]
  const statuses = await both(t, 'exec sleep 100', async (run, id) => {
    const outcomes = words(id).map(each => run(...each).status)
    await until(() => JSON.parse(run('state', id).stdout).status === 'stopped')
    return [...outcomes, ...[['kill', id], ['start', id], ['delete', id], ['list']].map(each => run(...each).status)]
  })
  t.same(statuses.tsrun, statuses.runc)
})

t.test('run exits with the same status', skip, async t => {
  for (const command of ['exit 0', 'exit 3', 'exec nothing']) {
    const statuses = await both(t, command, (run, id) => run('run', id).status)
    t.equal(statuses.tsrun, statuses.runc, command)
  }
})

t.test('the state has the same fields', skip, async t => {
  const states = await both(t, 'exec sleep 100', (run, id) => {
    run('create', id)
    return run('state', id).stdout
  })
  const shape = (text: string) =>
    Object.entries(JSON.parse(text)).map(([name, value]) => [name, name === 'ociVersion' ? '' : typeof value])
  t.same(shape(states.tsrun), shape(states.runc))
  t.equal(states.tsrun.endsWith('}'), states.runc.endsWith('}'))
})

t.test('list looks the same', skip, async t => {
  const masked = (text: string, id: string) =>
    text
      .replaceAll(id, 'ID')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replace(/ \d+ /g, ' PID ')
      .replace(/\/\S+\/bundle/g, 'BUNDLE')
      .replace(/ +/g, ' ')
  const tables = await both(t, 'true', (run, id) => {
    const empty = [run('list'), run('list', '-f', 'json'), run('list', '-q')].map(({ stdout }) => stdout)
    run('create', id)
    return [...empty, masked(run('list').stdout, id), run('list', '-q').stdout.replace(id, 'ID')]
  })
  t.match(tables.tsrun[3], /^ID PID STATUS BUNDLE CREATED OWNER\nID PID created BUNDLE TIME root/)
  t.same(tables.tsrun.slice(3), tables.runc.slice(3))
})
