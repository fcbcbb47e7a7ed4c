import t from 'tap'
import { exampleConfig } from '../../lib/config/example.js'
import { readConfig } from '../../lib/config/read.js'

/** As whoever writes it to a file will read it. */
const read = (options?: Parameters<typeof exampleConfig>[0]) => readConfig(JSON.stringify(exampleConfig(options)))

t.test('the example is valid and gives no warning', async t => {
  const { config, warnings } = read()
  t.same(warnings, [])
  t.same(config.process?.args, ['sh'])
  t.equal(config.process?.terminal, true)
  t.equal(config.process?.noNewPrivileges, true)
  t.equal(config.root.readonly, true)
})

t.test('nothing in it can be inherited by a program that is executed', async t => {
  const { config } = read()
  t.equal(config.process?.capabilities?.inheritable, 0n)
  t.equal(config.process?.capabilities?.ambient, 0n)
})

t.test('the program and the terminal can be chosen', async t => {
  const { config } = read({ args: ['/bin/true', '-x'], terminal: false })
  t.same(config.process?.args, ['/bin/true', '-x'])
  t.equal(config.process?.terminal, false)
})

t.test('directories of the host are bound read-only, with all that is mounted below them', async t => {
  const { config, warnings } = read({ hostDirectories: ['/usr', '/bin'] })
  t.same(warnings, [])
  const bound = config.mounts.filter(({ kind }) => kind === 'bind')
  t.same(
    bound.map(({ source, destination, recursive }) => ({ source, destination, recursive })),
    ['/usr', '/bin'].map(path => ({ source: path, destination: path, recursive: true })),
  )
  const [READONLY, NOSUID, NODEV] = [1n, 2n, 4n]
  for (const { recSet, destination } of bound) t.equal(recSet & 7n, READONLY | NOSUID | NODEV, destination)
  t.ok(config.mounts.some(({ destination, type }) => destination === '/tmp' && type === 'tmpfs'))
})

t.test('without privileges the user becomes root of a user namespace and nothing else', async t => {
  const { config, warnings } = read({ rootless: { uid: 1000, gid: 1001 } })
  t.same(warnings, [])
  t.same(config.linux.uidMappings, [{ containerID: 0, hostID: 1000, size: 1 }])
  t.same(config.linux.gidMappings, [{ containerID: 0, hostID: 1001, size: 1 }])
  const types = config.linux.namespaces.map(({ type }) => type)
  t.ok(types.includes('user') && !types.includes('network'))
  t.notOk(config.mounts.some(({ data, type }) => type === 'sysfs' || data.includes('gid=5')))
})

t.test('two examples share nothing that one could change in the other', async t => {
  t.same(exampleConfig(), exampleConfig())
  t.not(exampleConfig().mounts, exampleConfig().mounts)
})
