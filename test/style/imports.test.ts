import { dirname, join } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { sources } from './sources.js'

/** What the files of each folder of lib may import: folders, or single files. `.` are the files of lib itself. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  failure: [],
  errors: ['failure', 'checkpoint-error', 'cni-error'],
  'checkpoint-error': ['failure'],
  'cni-error': ['failure'],
  capabilities: [],
  config: ['errors', 'capabilities'],
  plan: ['errors', 'capabilities'],
  sys: ['errors'],
  compile: ['errors', 'capabilities', 'config', 'plan', 'host/facts'],
  host: ['errors', 'config', 'plan', 'sys'],
  dbus: ['errors', 'sys'],
  cgroup: ['errors', 'config', 'sys', 'dbus', 'host/facts'],
  seccomp: ['errors', 'config', 'sys', 'host'],
  'network-devices': ['errors', 'config', 'sys', 'host'],
  resctrl: ['errors', 'config', 'sys', 'host'],
  store: ['errors', 'config', 'sys'],
  checkpoint: ['errors', 'config', 'sys', 'cgroup', 'launch/child'],
  launch: [
    ...['errors', 'capabilities', 'config', 'plan', 'compile', 'sys', 'host', 'cgroup', 'seccomp', 'network-devices'],
    ...['resctrl', 'store', 'streams'],
  ],
  operations: [
    ...['errors', 'capabilities', 'config', 'plan', 'compile', 'sys', 'host', 'cgroup', 'seccomp', 'network-devices'],
    ...['resctrl', 'store', 'launch', 'checkpoint', 'streams', 'layer/saved-upper'],
  ],
  '.': [
    ...['.', 'errors', 'capabilities', 'config', 'plan', 'compile', 'sys', 'host', 'cgroup', 'seccomp', 'resctrl'],
    ...['store', 'launch', 'checkpoint', 'operations', 'diff'],
  ],
  diff: ['errors', 'config', 'sys'],
  sandbox: ['errors', 'config', 'sys', 'index', 'image/index', 'network/index'],
  layer: ['errors', 'sys'],
  image: ['errors', 'config', 'sys', 'index', 'layer'],
  network: ['errors', 'config', 'sys', 'index'],
  cli: ['index', 'for-command', 'image/index', 'sandbox/index'],
  // The executable without Node, which is made of the command.
  quickjs: ['cli'],
}

/** Where packages and Node's own modules may be imported. */
const packages: Readonly<Record<string, readonly string[]>> = {
  'ffi-napi': ['sys'],
  'ref-napi': ['sys'],
  'cbor-x': ['plan', 'launch', 'store'],
  valibot: ['config'],
  pbf: ['checkpoint'],
}
/** What works on bytes alone and makes no system calls of its own, and what is above the runtime. */
const nodeModules: Readonly<Record<string, readonly string[]>> = {
  layer: ['node:crypto', 'node:stream', 'node:zlib'],
  // Events and streams in the shape of node:child_process.
  sandbox: ['node:events', 'node:stream'],
  network: ['node:net', 'node:dgram', 'node:dns/promises', 'node:events', 'node:os'],
}
const mayImportNode = (path: string, name: string) =>
  ['sys', 'cli'].includes(folderOf(path)) ||
  path === 'lib/streams.ts' ||
  (nodeModules[folderOf(path)] ?? []).includes(name)

/** Files of lib itself that stand on their own, as folders do. */
const alone: readonly string[] = [
  ...['lib/failure.ts', 'lib/checkpoint-error.ts', 'lib/cni-error.ts', 'lib/errors.ts', 'lib/capabilities.ts'],
]

/** The folder below lib that a path belongs to: `sys`, the name of a file that stands alone (`errors`), or `.`. */
function folderOf(path: string): string {
  const [, first, second] = path.split('/')
  if (alone.includes(path)) return (second ?? first ?? '').replace(/\.ts$/, '')
  return second === undefined ? '.' : (first ?? '.')
}

const lib = sources('lib', '.ts')

function importsOf(text: string): readonly string[] {
  return ts.preProcessFile(text).importedFiles.map(({ fileName }) => fileName)
}

/** The path in lib that a relative import means. */
const resolved = (path: string, name: string) => join(dirname(path), name).replace(/\.js$/, '.ts')

const edges = lib.flatMap(({ path, text }) => importsOf(text).map(name => ({ path, name })))
const inner = edges
  .filter(({ name }) => name.startsWith('.'))
  .map(({ path, name }) => ({ path, to: resolved(path, name) }))
const outer = edges.filter(({ name }) => !name.startsWith('.'))

function isAllowed(from: string, to: string): boolean {
  const folder = folderOf(from)
  if (folder !== '.' && folderOf(to) === folder) return true
  const targets = allowed[folder] ?? []
  return targets.some(target => folderOf(to) === target || to === `lib/${target}.ts`)
}

t.test('there is something to look at', async t => {
  t.ok(lib.length > 3)
  t.ok(inner.length > 0)
  t.same(
    lib.map(({ path }) => folderOf(path)).filter(folder => !(folder in allowed)),
    [],
    'every folder has a rule',
  )
})

t.test('folders import only what their place in the design allows', async t => {
  const wrong = inner.filter(({ path, to }) => !isAllowed(path, to)).map(({ path, to }) => `${path} -> ${to}`)
  t.same(wrong, [])
})

t.test(
  "Node's own modules are imported in lib/sys, lib/cli, the stream part and where a rule says so, by their full names",
  async t => {
    const builtin = outer.filter(({ name }) => name.startsWith('node:'))
    t.same(
      builtin.filter(({ path, name }) => !mayImportNode(path, name)).map(({ path, name }) => `${path} -> ${name}`),
      [],
    )
  },
)

t.test('packages are imported where they belong', async t => {
  const wrong = outer
    .filter(({ name }) => !name.startsWith('node:') && name !== 'debug')
    .filter(({ path, name }) => !(packages[name] ?? []).includes(folderOf(path)))
  t.same(
    wrong.map(({ path, name }) => `${path} -> ${name}`),
    [],
  )
})

/** The first circle of imports that `path` gets into, as the files on the way. */
function circleFrom(
  path: string,
  way: readonly string[] = [],
  done = new Set<string>(),
): readonly string[] | undefined {
  if (way.includes(path)) return [...way.slice(way.indexOf(path)), path]
  if (done.has(path)) return undefined
  done.add(path)
  const next = inner.filter(edge => edge.path === path)
  return next.map(({ to }) => circleFrom(to, [...way, path], done)).find(circle => circle !== undefined)
}

t.test('no file imports itself by way of others', async t => {
  const circles = lib.map(({ path }) => circleFrom(path)).filter(circle => circle !== undefined)
  t.same([...new Set(circles.map(circle => circle.join(' -> ')))], [])
})
