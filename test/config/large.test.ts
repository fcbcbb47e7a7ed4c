/** Long lists in a configuration take a time in proportion to their length. */
import t from 'tap'
import { compile } from '../../lib/compile/index.js'
import type { OciConfig } from '../../lib/config/oci-config.js'
import { readConfig } from '../../lib/config/read.js'
import type { ConfigError } from '../../lib/errors.js'
import { encodePlan } from '../../lib/plan/encode.js'
import { MOST_SLOTS } from '../../lib/plan/rules.js'
import { verifyPlan } from '../../lib/plan/verify.js'
import { baseConfig, type TestConfig } from '../bundle.js'
import { OPTIONS, readFacts } from '../compile/cases.js'

const facts = readFacts('docker-v1')

/** Far more than what it takes, also on a slow machine; what was quadratic took many times as much. */
const LONGEST_CPU_MS = 6000

function compileWith(change: (config: TestConfig) => void): number {
  const config = baseConfig()
  change(config)
  const started = process.cpuUsage()
  const { plan } = compile({ config: readConfig(config as OciConfig).config, facts, options: OPTIONS })
  verifyPlan(plan)
  encodePlan(plan)
  return cpuSince(started)
}

function cpuSince(started: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(started)
  return (user + system) / 1000
}

const repeat = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))

t.test('20,000 mappings are refused at once, since the kernel takes 340', async t => {
  const uidMappings = repeat(20_000, index => ({ containerID: index, hostID: 100_000 + index, size: 1 }))
  const config = baseConfig()
  config.linux.namespaces?.push({ type: 'user' })
  const started = process.cpuUsage()
  const refused = (change: Partial<TestConfig['linux']>): string[] => {
    try {
      readConfig({ ...config, linux: { ...config.linux, ...change } } as OciConfig)
      return []
    } catch (error) {
      return (error as ConfigError).issues.map(({ path, expected }) => `${path}: ${expected}`)
    }
  }
  const gidMappings = [{ containerID: 0, hostID: 100_000, size: 1 }]
  t.same(refused({ uidMappings, gidMappings }), ['/linux/uidMappings: at most 340 mappings'])
  t.ok(cpuSince(started) < LONGEST_CPU_MS, `${cpuSince(started)} ms`)
  t.same(refused({ uidMappings: uidMappings.slice(0, 340), gidMappings }), [])
})

t.test('every range that overlaps an earlier one of the list is named', async t => {
  const config = baseConfig()
  config.linux.namespaces?.push({ type: 'user' })
  config.linux.gidMappings = [{ containerID: 0, hostID: 0, size: 1 }]
  const range = (containerID: number, hostID: number, size: number) => ({ containerID, hostID, size })
  config.linux.uidMappings = [
    range(0, 100, 50),
    range(60, 120, 5),
    range(40, 300, 5),
    range(70, 0, 10),
    range(45, 310, 1),
  ]
  t.throws(() => readConfig(config as OciConfig), {
    code: 'ERR_CONFIG_INVALID',
    issues: [
      { path: '/linux/uidMappings/2/containerID' },
      { path: '/linux/uidMappings/4/containerID' },
      { path: '/linux/uidMappings/1/hostID' },
    ],
  })
})

const LISTS: Readonly<Record<string, (config: TestConfig) => void>> = {
  '5,000 bind mounts': config =>
    config.mounts.push(...repeat(5000, n => ({ destination: `/data/${n}`, source: '/tmp', options: ['bind', 'ro'] }))),
  '5,000 bind mounts with sources in the root': config =>
    config.mounts.push(
      ...repeat(5000, n => ({ destination: `/data/${n}`, source: `/bundle/rootfs/src/${n}`, options: ['rbind'] })),
    ),
  '3,000 read-only tmpfs': config =>
    config.mounts.push(
      ...repeat(3000, n => ({ destination: `/data/${n}`, type: 'tmpfs', source: 'tmpfs', options: ['ro'] })),
    ),
}

for (const [what, change] of Object.entries(LISTS)) {
  t.test(`${what} are validated and compiled in a moment`, async t => {
    const took = compileWith(change)
    t.ok(took < LONGEST_CPU_MS, `${took} ms`)
  })
}

t.test('a list with something wrong in every entry is refused in a moment', async t => {
  const config = baseConfig()
  config.mounts.push(...repeat(20_000, () => ({ destination: 5 as unknown as string })))
  const started = process.cpuUsage()
  t.throws(() => readConfig(config as OciConfig), { code: 'ERR_CONFIG_INVALID' })
  t.ok(cpuSince(started) < LONGEST_CPU_MS, `${cpuSince(started)} ms`)
})

t.test('more than the helper has room for is refused by the name of the field', async t => {
  const more = (config: TestConfig) =>
    config.mounts.push(...repeat(MOST_SLOTS, n => ({ destination: `/data/${n}`, source: '/tmp', options: ['bind'] })))
  t.throws(() => compileWith(more), { code: 'ERR_CONFIG_UNSUPPORTED', issues: [{ path: /^\/mounts\/\d+\/source$/ }] })
})
