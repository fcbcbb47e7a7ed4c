import t from 'tap'
import { COMMANDS } from '../../lib/cli/commands/index.js'
import { GLOBAL_FLAGS } from '../../lib/cli/globals.js'
import { complete } from '../../lib/cli/shell/complete.js'

const asked: (string | undefined)[] = []
const containers = async (root: string | undefined) => {
  asked.push(root)
  return ['web', 'worker', 'db'].map(word => ({ word, about: 'running' }))
}

async function words(...line: readonly string[]) {
  const { candidates, paths } = await complete(line, { commands: COMMANDS, containers })
  return paths ?? candidates.map(({ word }) => word)
}

t.test('every command and every flag is completed, but for the hidden ones', async t => {
  t.same(await words(''), Object.keys(COMMANDS))
  const front = await words('-')
  for (const { name } of GLOBAL_FLAGS) t.ok(front.includes(`--${name}`), name)
  for (const [name, load] of Object.entries(COMMANDS)) {
    const own = await words(name, '-')
    const { flags } = await load()
    for (const flag of flags) t.equal(own.includes(`--${flag.name}`), flag.isHidden !== true, `${name} --${flag.name}`)
    t.ok(own.includes('--help'), name)
  }
})

t.test('what has been written is the beginning', async t => {
  t.same(await words('st'), ['start', 'state'])
  t.same(await words('exec', '--no'), ['--no-new-privs'])
  t.same(await words('no-such', ''), [])
})

t.test('values are those that a flag takes, in the next word or the same', async t => {
  t.same(await words('list', '--format', ''), ['table', 'json'])
  t.same(await words('list', '-f', 'j'), ['json'])
  t.same(await words('list', '--format=j'), ['--format=json'])
  t.same(await words('--log-format', 'te'), ['text'])
  t.equal(await words('run', '--bundle', '/t'), 'directories')
  t.equal(await words('run', '--pid-file='), 'files')
  t.same(await words('run', '--preserve-fds', ''), [])
})

t.test('arguments are containers, signals and directories, each in its place', async t => {
  t.same(await words('kill', 'w'), ['web', 'worker'])
  t.same(await words('kill', 'web', 'K'), ['KILL'])
  t.same(await words('kill', 'web', 'KILL', ''), [])
  t.equal(await words('plan', ''), 'directories')
  t.same(await words('create', ''), [], 'a new id is not there yet')
  t.same(await words('help', 'st'), ['start', 'state'])
  t.same(await words('completion', ''), ['bash', 'zsh', 'fish'])
})

t.test('containers are those of the state directory in front', async t => {
  asked.length = 0
  await words('--root', '/run/other', 'start', '')
  await words('--root=/run/third', '--debug', 'start', '')
  await words('start', '')
  t.same(asked, ['/run/other', '/run/third', undefined])
})

t.test('what follows the container belongs to its process', async t => {
  t.same(await words('exec', '--env', 'A=1', 'w'), ['web', 'worker'])
  t.same(await words('exec', 'web', 'ls', '--'), [])
  t.same(await words('kill', '--', 'we'), ['web'])
})
