import { mkdirSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }

t.test('a container may have more mounts than one message has descriptors', skip, async t => {
  const { sh, directory } = makeBundle(t)
  const count = 600
  mkdirSync(`${directory}/source`)
  writeFileSync(`${directory}/source/file`, 'here')
  const mounts = Array.from({ length: count }, (_, i) => {
    return { destination: `/tmp/${i}`, source: `${directory}/source`, type: 'bind', options: ['rbind', 'ro'] }
  })
  const script = 'grep -c " /tmp/[0-9]* " /proc/self/mountinfo; cat /tmp/0/file /tmp/253/file /tmp/599/file'
  const { stdout, exitCode } = await sh(script, config => {
    config.mounts.push({ destination: '/tmp', type: 'tmpfs', source: 'tmpfs' }, ...mounts)
  })
  t.equal(stdout, `${count}\nhereherehere`)
  t.equal(exitCode, 0)
})

t.test('a configuration that changes between two runs of a bundle is read again', skip, async t => {
  const { runtime, bundle, configure } = makeBundle(t)
  for (const word of ['one', 'two', 'one']) {
    configure(config => (config.process.args = ['/bin/echo', word]))
    t.equal((await runtime.run({ bundle })).stdout, `${word}\n`)
  }
})

const skipV1 = { skip: missing('root', 'busybox', 'cgroup-v1') }

t.test('what a limit of the cgroup is refused for is told, although the helper has begun', skipV1, async t => {
  const { runtime, bundle, configure, id, directory } = makeBundle(t)
  configure(config => (config.linux.resources = { cpu: { cpus: '4000-4001' } }))
  await t.rejects(runtime.create({ id: id(), bundle, stdio: 'ignore' }), {
    code: 'ERR_CGROUP_WRITE',
    configPath: '/linux/resources/cpu/cpus',
  })
  t.same(await runtime.list(), [], `nothing is left in ${directory}`)
})
