/** What a container has written, by what the overlay of the kernel makes of it. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { diffUpper, type LayeredRoot, type OciConfig, type RootChange } from '../../lib/index.js'
import { baseConfig, makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }

async function all(changes: AsyncIterable<RootChange>): Promise<readonly RootChange[]> {
  const list: RootChange[] = []
  for await (const change of changes) list.push(change)
  return list
}

const SIGNS = { added: '+', modified: '*', deleted: '-' } as const
const told = (changes: readonly RootChange[]): readonly string[] =>
  changes.map(({ change, kind, path }) => `${SIGNS[change]} ${kind} ${path}`)

function makeLayered(t: Test) {
  const made = makeBundle(t)
  const top = join(made.directory, 'top')
  for (const path of ['', 'tree', 'tree/inner', 'gone', 'same', 'opaque']) mkdirSync(join(top, path))
  for (const path of ['tree/a', 'tree/inner/b', 'gone/c', 'same/d', 'opaque/e', 'opaque/f', 'file']) {
    writeFileSync(join(top, path), path)
  }
  const layers = [made.rootfs, top]
  const upper = join(made.directory, 'upper')
  const after = async (
    command: string,
    change: (config: TestConfig) => void = () => {},
  ): Promise<readonly RootChange[]> => {
    const { root: _none, ...document } = baseConfig()
    document.process.args = ['/bin/sh', '-ec', command]
    document.linux.cgroupsPath = `/${made.id('group')}`
    change(document as TestConfig)
    const rootfs: LayeredRoot = { layers, upper: { dir: upper } }
    const { exitCode, stderr } = await made.runtime.run({ config: document as OciConfig, rootfs })
    t.equal(exitCode, 0, stderr)
    return all(diffUpper(join(upper, 'upper'), layers))
  }
  return { ...made, layers, upper, after }
}

t.test('what is added, modified and deleted is told, and what only holds it is not', skip, async t => {
  const { after } = makeLayered(t)
  const changes = await after(
    'mkdir /new /new/deep; echo x > /new/deep/file; ln -s /etc/passwd /new/link; echo more >> /tree/inner/b; rm /tree/a; rm -r /gone',
  )
  t.same(told(changes), [
    '- directory /gone',
    '+ directory /new',
    '+ directory /new/deep',
    '+ file /new/deep/file',
    '+ symlink /new/link',
    '- file /tree/a',
    '* file /tree/inner/b',
  ])
  t.match(
    changes.find(({ path }) => path === '/new/deep/file'),
    { size: 2, mode: 0o644, uid: 0, gid: 0, links: 1 },
  )
})

t.test('a directory that is made anew hides what was there', skip, async t => {
  const { after } = makeLayered(t)
  const changes = await after(
    'rm -r /opaque; mkdir /opaque; echo x > /opaque/e; echo y > /opaque/g; rm -r /tree; echo z > /tree',
  )
  t.same(told(changes), [
    '* directory /opaque',
    '* file /opaque/e',
    '- file /opaque/f',
    '+ file /opaque/g',
    '* file /tree',
  ])
  t.match(changes[0], { opaque: true })
})

t.test('a renamed directory is one that is gone and one that is new', skip, async t => {
  const { after } = makeLayered(t)
  const changes = await after('cp -a /tree /moved; rm -r /tree; chmod 700 /same; ln /file /second')
  t.same(told(changes), [
    '* file /file',
    '+ directory /moved',
    '+ file /moved/a',
    '+ directory /moved/inner',
    '+ file /moved/inner/b',
    '* directory /same',
    '+ file /second',
    '- directory /tree',
  ])
  const [file, second] = ['/file', '/second'].map(path => changes.find(change => change.path === path))
  t.equal(file?.links, 2)
  t.equal(file?.inode, second?.inode, 'names of one file')
})

t.test('links that lead out are told, not followed', skip, async t => {
  const { after, directory, upper, layers } = makeLayered(t)
  await after('mkdir /evil')
  for (const [name, target] of [
    ['root', '/'],
    ['up', '../../../..'],
    ['self', '/proc/self/root'],
  ] as const) {
    symlinkSync(target, join(upper, 'upper/evil', name))
  }
  symlinkSync(directory, join(upper, 'upper/tree'))
  const changes = await all(diffUpper(join(upper, 'upper'), layers))
  t.same(told(changes), [
    '+ directory /evil',
    '+ symlink /evil/root',
    '+ symlink /evil/self',
    '+ symlink /evil/up',
    '* symlink /tree',
  ])
})

t.test('names that are no UTF-8 are told by their bytes', skip, async t => {
  const { after } = makeLayered(t)
  const [change] = await after(String.raw`f=$(printf 'a\377'); mkdir "/$f"; echo x > "/$f/b"`)
  t.equal(change?.path, '/a\ufffd')
  t.same(Buffer.from(change?.bytes ?? []), Buffer.from([0x2f, 0x61, 0xff]))
})

t.test('with the mappings of the container owners are as it counts', skip, async t => {
  const { after, upper, layers } = makeLayered(t)
  const mappings = [{ containerID: 0, hostID: 200_000, size: 1000 }]
  await after('echo x > /tree/new', ({ linux }) => {
    linux.namespaces?.push({ type: 'user' })
    linux.uidMappings = mappings
    linux.gidMappings = mappings
  })
  const options = { uidMappings: mappings, gidMappings: mappings }
  const changes = await all(diffUpper(join(upper, 'upper'), layers, options))
  t.same(told(changes), ['+ file /tree/new'])
  t.match(changes, [{ uid: 0, gid: 0 }])
})

t.test('a large tree does not hold the event loop, and can be given up', skip, async t => {
  const { after, upper, layers } = makeLayered(t)
  await after('mkdir /many; cd /many; for i in $(/bin/busybox seq 3000); do mkdir $i; echo x > $i/f; done')
  let longest = 0
  let last = performance.now()
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }, 1)
  const changes = await all(diffUpper(join(upper, 'upper'), layers))
  clearInterval(timer)
  t.equal(changes.length, 6001)
  t.comment(`event loop held for ${longest.toFixed(1)} ms at most`)
  const aborter = new AbortController()
  const walk = async (): Promise<void> => {
    for await (const _change of diffUpper(join(upper, 'upper'), layers, { signal: aborter.signal }))
      aborter.abort(new Error('enough'))
  }
  await t.rejects(walk(), { message: 'enough' })
})

t.test('paths that are longer than a system call takes', skip, async t => {
  const { after, upper } = makeLayered(t)
  // Nothing of Node removes that.
  t.teardown(() => execFileSync('rm', ['-rf', upper]))
  const name = 'n'.repeat(200)
  const down = `i=0; while [ $i -lt 45 ]; do mkdir ${name}; cd -P ${name}; i=$((i + 1)); done`
  const changes = await after(`mkdir /new; cd /new; ${down}; echo x > last`)
  t.equal(changes.length, 47)
  t.match(changes.at(-1), { kind: 'file', change: 'added', size: 2, path: /^\/new(\/n{200}){45}\/last$/ })
  t.equal(changes.at(-1)?.bytes.length, 4 + 45 * 201 + 5)
})
