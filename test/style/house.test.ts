import { basename } from 'node:path'
import t from 'tap'
import { sources } from './sources.js'

/** A verb has a file in each layer that it passes through, and so has a part of the document. */
const VERBS = [
  'create',
  'start',
  'run',
  'exec',
  'kill',
  'pause',
  'resume',
  'update',
  'delete',
  'events',
  'state',
  'plan',
  'features',
  'checkpoint',
  'restore',
]
const PARTS = ['devices', 'hooks', 'mounts', 'namespaces', 'process', 'resources', 'scheduling', 'seccomp']

/** Where a verb or a part of the document may have its file. */
const LAYERS: Readonly<Record<'verb' | 'part', RegExp>> = {
  verb: /^lib\/((operations|cgroup|config|plan|cli\/commands)\/)?[a-z-]+\.ts$/,
  part: /^lib\/(config|compile|launch|operations|cgroup\/(v[12]\/)?)\/?[a-z-]+\.ts$/,
}

const files = sources('lib', '.ts').map(({ path }) => path)
const nameOf = (path: string) => basename(path, '.ts')

t.test('a file name means one thing in the whole tree', async t => {
  const twice = files.filter(
    path => nameOf(path) !== 'index' && files.filter(other => nameOf(other) === nameOf(path)).length > 1,
  )
  t.ok(twice.length > 10, 'there are verbs in several layers')
  const wrong = twice.filter(path => {
    const name = nameOf(path)
    if (VERBS.includes(name)) return !LAYERS.verb.test(path)
    return !PARTS.includes(name) || !LAYERS.part.test(path)
  })
  t.same(wrong, [])
})

t.test('a verb and a part of the document are listed only while they have a file', async t => {
  const names = new Set(files.map(nameOf))
  t.same(
    [...VERBS, ...PARTS].filter(name => !names.has(name)),
    [],
  )
})

t.test('the folders of lib are those that CONTRIBUTING.md tells of', async t => {
  const page = sources('.', '.md').find(({ path }) => path === 'CONTRIBUTING.md')?.text ?? ''
  const folders = new Set(
    files
      .map(path => path.split('/'))
      .filter(parts => parts.length > 2)
      .map(parts => parts[1]),
  )
  t.same(
    [...folders].filter(folder => !page.includes(`\`lib/${folder}\``)),
    [],
  )
})

/** Parallel files: what both versions of cgroups have is called the same, and what stands in place of Node's modules as in those. */
const isParallel = (path: string): boolean =>
  /^lib\/(cgroup\/(v[12]\/resources|stats\/v[12])|quickjs\/[a-z-]+)\.ts$/.test(path)

t.test('an exported name means one thing in the whole tree', async t => {
  const declared = sources('lib', '.ts')
    .filter(({ path }) => !isParallel(path) && !path.startsWith('lib/cli/commands/'))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/^export (?:async )?(?:function\*?|const|type|interface|class) (\w+)/gm)].map(([, name]) => ({
        path,
        name,
      })),
    )
  t.ok(declared.length > 300)
  const twice = declared.filter(({ name, path }) => declared.some(other => other.name === name && other.path !== path))
  t.same(
    twice.map(({ name, path }) => `${path}: ${name}`),
    [],
  )
})
