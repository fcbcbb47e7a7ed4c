import { readFileSync } from 'node:fs'
import t from 'tap'
import type * as v from 'valibot'
import type { OciConfig } from '../../lib/config/config.js'
import type { configShape } from '../../lib/config/document.js'
import { readConfig, readProcess, readResources } from '../../lib/config/read.js'
import { ConfigError, type ConfigIssue } from '../../lib/errors.js'

const minimal: OciConfig = { ociVersion: '1.3.0', root: { path: 'rootfs' } }

function issuesOf(read: () => unknown): readonly ConfigIssue[] {
  try {
    read()
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.issues
  }
}
const pathsOf = (read: () => unknown) => issuesOf(read).map(({ path }) => path)

t.test('what has the shape is an OciConfig to the compiler too', async t => {
  // Fails to compile where the checked shape and the exported type part.
  const typed = (shaped: v.InferOutput<typeof configShape>): OciConfig => shaped
  const shaped = { ociVersion: '1.3.0', root: { path: 'rootfs' }, process: { cwd: '/', args: ['sh'], env: [] } }
  t.doesNotThrow(() => readConfig(typed(shaped)))
})

t.test('a minimal configuration is normalised with nothing left open', async t => {
  const { config, warnings } = readConfig(minimal)
  t.same(warnings, [])
  t.equal(config.process, null)
  t.equal(config.hostname, null)
  t.same(config.mounts, [])
  t.same(config.root, { path: 'rootfs', readonly: false })
  t.same(config.linux.namespaces, [])
  t.equal(config.linux.resources.pids.limit, null)
  t.same(Object.values(config.hooks), [[], [], [], [], [], []])
  t.notOk(JSON.stringify(config).includes('undefined'))
})

t.test('an object is read as its JSON text is', async t => {
  const source: OciConfig = {
    ...minimal,
    process: { cwd: '/', args: ['sh'], env: ['A=1'], rlimits: [{ type: 'RLIMIT_AS', soft: 1, hard: 2n ** 64n - 1n }] },
    annotations: { a: 'b' },
  }
  const text = JSON.stringify(source, (_key, value) => (typeof value === 'bigint' ? 0 : value)).replace(
    '"hard":0',
    '"hard":18446744073709551615',
  )
  t.same(readConfig(source), readConfig(text))
  t.same(readConfig(new TextEncoder().encode(text)), readConfig(text))
})

t.test('an object is copied: later changes do nothing, and getters are asked once', async t => {
  let asked = 0
  const args = ['sh']
  const source = {
    ...minimal,
    process: {
      cwd: '/',
      get args() {
        asked += 1
        return args
      },
    },
  }
  const { config } = readConfig(source)
  args[0] = 'other'
  t.same(config.process?.args, ['sh'])
  t.equal(asked, 1)
})

t.test('undefined properties of an object are absent', async t => {
  const source = { ...minimal, hostname: undefined, process: undefined } as unknown as OciConfig
  t.equal(readConfig(source).config.hostname, null)
})

t.test('what JSON cannot say is refused in an object, all of it at once', async t => {
  const loop: { self?: unknown } = {}
  loop.self = loop
  const source = {
    ...minimal,
    a: () => 1,
    b: Symbol('s'),
    c: 1.5,
    d: Number.NaN,
    e: 2 ** 53,
    f: 'a\0b',
    g: '\ud800',
    h: [1, undefined],
    i: loop,
  } as unknown as OciConfig
  const paths = pathsOf(() => readConfig(source))
  t.same(paths.slice(0, 8), ['/a', '/b', '/c', '/d', '/e', '/f', '/g', '/h/1'])
  t.match(paths[8], /^\/i(?:\/self){99}$/)
  t.match(issuesOf(() => readConfig(source))[4]?.message, /must be a bigint where beyond 2\^53/)
})

t.test('a root named elsewhere takes the place of the root', async t => {
  t.same(readConfig({ ociVersion: '1.0.0' }, { rootfs: '/srv/x' }).config.root, { path: '/srv/x', readonly: false })
  const withRoot = { ...minimal, root: { path: 'rootfs', readonly: true } }
  t.same(readConfig(withRoot, { rootfs: '/srv/x' }).config.root, { path: '/srv/x', readonly: true })
  t.same(
    pathsOf(() => readConfig({ ociVersion: '1.0.0' })),
    ['/root'],
  )
})

t.test('invalid parts are told before unsupported ones', async t => {
  const early = { ...minimal, ociVersion: '0.5.0' }
  t.throws(() => readConfig(early), { code: 'ERR_CONFIG_UNSUPPORTED' })
  t.throws(() => readConfig({ ...early, hostname: 'x' }), { code: 'ERR_CONFIG_INVALID' })
})

t.test('one bad entry does not hide what is wrong with the others', async t => {
  const mounts = [1, { destination: '/', type: 'tmpfs' }, { destination: '/a', options: ['bind', 'size=1'] }]
  const linux = { namespaces: [{ type: 'mount' }, 'pid', { type: 'mount' }], devices: 1 }
  const source = { ...minimal, mounts, linux } as unknown as OciConfig
  t.same(pathsOf(() => readConfig(source)).sort(), [
    '/linux/devices',
    '/linux/namespaces/1',
    '/linux/namespaces/2/type',
    '/mounts/0',
    '/mounts/1/destination',
    '/mounts/2/options/1',
    '/mounts/2/source',
  ])
})

t.test('any member may be of any wrong type without more than an issue', async t => {
  const wrong = [null, 0, -1, 'x', true, [], {}, [null], [{}], { a: null }]
  const members = ['root', 'process', 'mounts', 'hooks', 'linux', 'annotations', 'hostname', 'vm']
  const nested = [
    'namespaces',
    'uidMappings',
    'devices',
    'resources',
    'seccomp',
    'sysctl',
    'timeOffsets',
    'personality',
  ]
  const resources = ['memory', 'cpu', 'devices', 'blockIO', 'hugepageLimits', 'network', 'pids', 'rdma', 'unified']
  const sources = wrong.flatMap(value => [
    ...members.map(key => ({ ...minimal, [key]: value })),
    ...nested.map(key => ({ ...minimal, linux: { [key]: value } })),
    ...resources.map(key => ({ ...minimal, linux: { resources: { [key]: value } } })),
  ])
  for (const source of sources) t.type(issuesOf(() => readConfig(source as OciConfig)).length, 'number')
})

t.test('a process alone is read with the pointers of a configuration', async t => {
  const { process } = readProcess('{"cwd": "/", "args": ["ls"], "user": {"uid": 1, "umask": 18}}')
  t.same(process.user, { uid: 1, gid: 0, umask: 0o22, additionalGids: [] })
  t.same(
    pathsOf(() => readProcess({ cwd: 'x', args: [] })),
    ['/process/cwd', '/process/args'],
  )
})

t.test('resources alone are read with the pointers of a configuration', async t => {
  const { resources } = readResources({ memory: { limit: 2n ** 40n }, unified: { 'memory.high': 'max' } })
  t.equal(resources.memory.limit, 2n ** 40n)
  t.same(resources.unified, [{ file: 'memory.high', value: 'max', origin: '/linux/resources/unified/memory.high' }])
  t.same(
    pathsOf(() => readResources({ memory: { swap: 1 } })),
    ['/linux/resources/memory/swap'],
  )
})

t.test('a member that is null is as good as absent, in text and in objects', async t => {
  const text = readFileSync('spec-fixtures/config/good/nulls.json', 'utf8')
  const leftOut = {
    ociVersion: '1.0.2',
    root: { path: 'rootfs' },
    mounts: [{ destination: '/x', type: 'tmpfs' }],
    hooks: {},
    linux: { namespaces: [{ type: 'mount' }, { type: 'pid' }], resources: { cpu: {} } },
  } as const
  t.same(readConfig(text), readConfig(leftOut))
  t.same(readConfig(JSON.parse(text)), readConfig(leftOut))
  t.match(
    issuesOf(() => readConfig({ ...leftOut, mounts: [null as never] })),
    [{ path: '/mounts/0' }],
  )
  t.match(
    issuesOf(() => readConfig({ ...leftOut, root: { path: null as never } })),
    [{ path: '/root/path' }],
  )
})

t.test('without a version the first one is meant, and that is told', async t => {
  const { config, warnings } = readConfig({ root: { path: 'rootfs' } })
  t.equal(config.ociVersion, '1.0.0')
  t.match(warnings, [/^\/ociVersion: is missing: taken as 1\.0\.0$/])
})

t.test('a name that is not known is a warning, and one that is known in another case is told', async t => {
  const { warnings } = readResources('{"CPU":{"cpus":"0"},"cpu":{"Shares":5},"speed":1}')
  t.same(warnings, [
    '/linux/resources/CPU: unknown property, ignored: the name is "cpu"',
    '/linux/resources/cpu/Shares: unknown property, ignored: the name is "shares"',
    '/linux/resources/speed: unknown property, ignored',
  ])
})
