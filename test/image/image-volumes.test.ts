/** What images call volumes: each container has them for itself, and they end with it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Images, openImages } from '../../lib/image/index.js'
import { missing } from '../needs.js'
import { makeRootlessBundle, USER } from '../rootless.js'
import { until } from '../until.js'
import { scratch } from './registry.js'
import { tarOf } from './tars.js'

const asRoot = { skip: missing('root') }

async function imported(t: Test, volumes: readonly string[], files = 1): Promise<Images> {
  const images = openImages({ directory: join(scratch(t), 'store') })
  const root = scratch(t)
  mkdirSync(join(root, 'srv'))
  for (let index = 0; index < files; index++) writeFileSync(join(root, 'srv', String(index)), 'of the image')
  const Volumes = Object.fromEntries(volumes.map(path => [path, {}]))
  await images.importRoot(root, 'base:1', { config: { Volumes } })
  return images
}

const leasesOf = ({ directory }: Images): readonly string[] => readdirSync(join(directory, 'tsrun/leases'))

t.test('each unpacked image has its own, until it is released', asRoot, async t => {
  const images = await imported(t, ['/srv', '/srv/../new//', '/new'])
  const [first, second] = [
    await images.unpack('base:1', { imageVolumes: 'anonymous' }),
    await images.unpack('base:1', { imageVolumes: 'anonymous', mounts: [{ volume: 'data', target: '/srv/' }] }),
  ]
  const targets = (unpacked: typeof first) => unpacked.mounts.map(({ destination }) => destination)
  t.same(targets(first), ['/srv', '/new'])
  t.same(targets(second), ['/new', '/srv/'])
  const [{ source = '' } = {}] = first.mounts
  t.same(readdirSync(source), ['0'])
  t.match(first.mounts[0], { type: 'bind', options: ['rbind', 'nosuid', 'nodev', 'rw'] })
  t.notMatch(second.mounts[0], { source: first.mounts[1]?.source })
  const container = scratch(t)
  first.keepWhile(container)
  await first.release()
  await second.release()
  await images.prune()
  t.same(readdirSync(source), ['0'], 'its container is there')
  t.equal(leasesOf(images).length, 1)
  first.keepWhile(join(container, 'gone'))
  await images.prune()
  t.same(leasesOf(images), [])
  await using none = await images.unpack('base:1')
  t.same(none.mounts, [], 'nobody has asked for them')
})

t.test('what is no place for a volume is told, and nothing is left', asRoot, async t => {
  const wrong = { code: 'ERR_IMAGE_INVALID', path: '/config/Volumes' }
  for (const path of ['/', '', 'srv', '/a/..']) {
    const images = await imported(t, [path])
    await t.rejects(images.unpack('base:1', { imageVolumes: 'anonymous' }), wrong, JSON.stringify(path))
    t.same(leasesOf(images), [])
  }
  const images = await imported(
    t,
    Array.from({ length: 101 }, (_, index) => `/${index}`),
  )
  await t.rejects(images.unpack('base:1', { imageVolumes: 'anonymous' }), { ...wrong, message: /more than 100/ })
  const odd = { imageVolumes: 'bind' } as unknown as Parameters<Images['unpack']>[1]
  await t.rejects(images.unpack('base:1', odd), { code: 'ERR_CONFIG_INVALID', message: /"anonymous" or "none"/ })
  t.same(leasesOf(images), [])
})

t.test('kill -9 while one is filled leaves what prune removes', asRoot, async t => {
  const images = await imported(t, ['/srv'], 3000)
  await (await images.unpack('base:1')).release()
  const program = `import { openImages } from ${JSON.stringify(join(process.cwd(), 'dist/image/index.js'))}
    await openImages({ directory: ${JSON.stringify(images.directory)} }).unpack('base:1', { imageVolumes: 'anonymous' })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'ignore' })
  const half = () => leasesOf(images).map(name => join(images.directory, 'tsrun/leases', name, 'volumes/0'))
  await until(() => half().some(path => namesIn(path).length > 10), 'a part of the volume')
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.equal(leasesOf(images).length, 1)
  await images.prune()
  t.same(leasesOf(images), [])
})

function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

const rootless = { skip: missing('root', 'busybox', 'user-namespaces', 'newuidmap') }

t.test('without root, with the owners of the image, and gone with all that a container writes', rootless, async t => {
  const { directory, bundle, prefix, script } = makeRootlessBundle(t)
  const [etc, store] = [join(directory, 'etc'), join(bundle, 'store')]
  const before = `cp -a /etc ${etc}; for f in subuid subgid; do echo nobody:300000:65536 > ${etc}/$f; done; mount --bind ${etc} /etc`
  const root = tarOf(
    { name: 'bin/', type: '5', mode: 0o755 },
    { name: 'bin/busybox', content: readFileSync('/bin/busybox'), mode: 0o755 },
    { name: 'srv/', type: '5', mode: 0o700, uid: 999, gid: 998 },
    { name: 'srv/data', content: 'of db\n', mode: 0o600, uid: 999, gid: 998 },
  )
  writeFileSync(join(bundle, 'root.tar'), root)
  chownSync(join(bundle, 'root.tar'), USER, USER)
  const program = `import { openImages } from "${join(process.cwd(), 'dist/image/index.js')}"
    const images = openImages({ directory: "${store}" })
    await images.importRoot("${bundle}/root.tar", "app:1", { config: { User: "999:998", Volumes: { "/srv": {} } } })`
  const write =
    'cd /srv; cat data; busybox mkdir -p a/b; echo x > a/b/c; busybox chmod 0 a/b a; busybox stat -c "%n %a %u:%g" *'
  const outcome = script(
    `${process.execPath} --input-type=module -e '${program}' && tsrun run --store ${store} --image app:1 ${prefix} -- /bin/busybox sh -c 'busybox() { /bin/busybox "$@"; }; cat() { busybox cat "$@"; }; ${write}'`,
    { before },
  )
  t.equal(outcome.status, 0, outcome.stderr)
  t.equal(outcome.stdout, 'of db\na 0 999:998\ndata 600 999:998\n')
  t.same(readdirSync(join(store, 'tsrun/leases')), [])
})
