import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { MEMORY_POLICIES } from '../../lib/config/scheduling.js'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, invalid } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }

type MemoryPolicy = NonNullable<TestConfig['linux']['memoryPolicy']>

const withPolicy = (memoryPolicy: MemoryPolicy) => (config: TestConfig) => {
  config.linux.memoryPolicy = memoryPolicy
}

/** The policy of the stack, which has none of its own, as the kernel names it. */
async function policyOf(t: Test, memoryPolicy?: MemoryPolicy): Promise<string> {
  const change = memoryPolicy === undefined ? () => {} : withPolicy(memoryPolicy)
  const { pid } = await createSleeper(makeBundle(t), change)
  const stack = readFileSync(`/proc/${pid}/numa_maps`, 'utf8')
    .split('\n')
    .find(line => line.includes(' stack'))
  return stack?.split(' ')[1] ?? ''
}

const NAMES: Readonly<Record<string, string>> = {
  MPOL_BIND: 'bind',
  MPOL_INTERLEAVE: 'interleave',
  MPOL_WEIGHTED_INTERLEAVE: 'weighted interleave',
  MPOL_PREFERRED: 'prefer',
  MPOL_PREFERRED_MANY: 'prefer (many)',
}

for (const mode of Object.keys(MEMORY_POLICIES)) {
  const name = NAMES[mode]
  t.test(`config-linux.md#memory-policy: ${mode}`, skip, async t => {
    const policy = await policyOf(t, name === undefined ? { mode } : { mode, nodes: '0' })
    if (name !== undefined) t.ok(policy.startsWith(name.split(' ')[0] ?? ''), policy)
    else t.equal(policy, mode === 'MPOL_LOCAL' ? 'local' : 'default')
  })
}

t.test('config-linux.md#memory-policy: flags', skip, async t => {
  const nodes = '0'
  t.equal(await policyOf(t, { mode: 'MPOL_BIND', nodes, flags: ['MPOL_F_STATIC_NODES'] }), 'bind=static:0')
  t.equal(
    await policyOf(t, { mode: 'MPOL_INTERLEAVE', nodes, flags: ['MPOL_F_RELATIVE_NODES'] }),
    'interleave=relative:0',
  )
  t.match(await policyOf(t, { mode: 'MPOL_BIND', nodes, flags: ['MPOL_F_NUMA_BALANCING'] }), /^bind(=balancing)?:0$/)
})

t.test('config-linux.md#memory-policy: without one it is left alone', skip, async t => {
  t.equal(await policyOf(t), 'default')
})

t.test('config-linux.md#memory-policy: nodes that the machine does not have are an error', skip, async t => {
  t.match(await createError(makeBundle(t), withPolicy({ mode: 'MPOL_BIND', nodes: '1023' })), {
    name: 'LaunchError',
    code: 'ERR_LAUNCH_OP',
    configPath: '/linux/memoryPolicy',
    message: '/linux/memoryPolicy: set_mempolicy: EINVAL: invalid argument',
  })
})

t.test(
  'config-linux.md#memory-policy: unknown modes and flags, and nodes that do not fit, are errors',
  skip,
  async t => {
    const refused = (policy: MemoryPolicy) => createError(makeBundle(t), withPolicy(policy))
    const unknown = await refused({ mode: 'MPOL_FAST', nodes: 'x', flags: ['MPOL_F_X'] })
    t.match(unknown, invalid(...['mode', 'nodes', 'flags/0'].map(field => `/linux/memoryPolicy/${field}`)))
    t.match(await refused({ mode: 'MPOL_INTERLEAVE' }), invalid('/linux/memoryPolicy/nodes'))
    t.match(await refused({ mode: 'MPOL_LOCAL', nodes: '0' }), {
      message: '/linux/memoryPolicy/nodes: invalid memory policy node: must be empty with MPOL_LOCAL, but is "0"',
    })
  },
)
