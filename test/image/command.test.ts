import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openImages } from '../../lib/image/index.js'
import { TSRUN, tsrun } from '../command.js'
import { missing } from '../needs.js'
import { until } from '../until.js'
import { isBlob, startProxy } from './proxy.js'
import { command, makeLayout, scratch, seed, startRegistry } from './registry.js'
import { differences, treeOf } from './trees.js'

const skip = missing('root', 'busybox', 'docker-registry', 'skopeo', 'umoci')

/** The files of a root with busybox, and a user. */
function makeRoot(t: Test): string {
  const root = scratch(t)
  chmodSync(root, 0o755)
  for (const name of ['bin', 'etc', 'tmp']) mkdirSync(join(root, name))
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'))
  for (const name of ['sh', 'cat', 'id', 'rm']) symlinkSync('busybox', join(root, 'bin', name))
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\nweb:x:33:33::/:/bin/sh\n')
  writeFileSync(join(root, 'etc/group'), 'more:x:44:web\n')
  return root
}

/** The command on a store and a state directory of the test's own. */
function prepared(t: Test) {
  const directory = scratch(t)
  const store = join(directory, 'store')
  const image = (...args: readonly string[]) => tsrun(['image', ...args, '--store', store])
  const run = (...args: readonly string[]) =>
    tsrun(['--root', join(directory, 'state'), 'run', '--store', store, ...args])
  return { directory, store, image, run, id: `tsrun-image-${process.pid}-${count++}` }
}
let count = 0

t.test('a root becomes an image, a container changes it, and others read what comes of it', { skip }, async t => {
  const { directory, store, image, run, id } = prepared(t)
  const { host } = await startRegistry(t)
  t.match(image('import', '--as-root', makeRoot(t), 'base:1'), { status: 0, stdout: 'docker.io/library/base:1\n' })
  const upper = join(directory, 'upper')
  const script = 'id; echo new > /etc/new; rm /etc/group'
  t.match(run('--image', 'base:1', '--upper', upper, id, '--', '/bin/sh', '-c', script), {
    status: 0,
    stdout: /^uid=0/,
  })
  t.match(
    run('--image', 'base:1', '--user', 'web', id, '--', '/bin/id'),
    { status: 0, stdout: /^uid=33\(web\) gid=33 groups=44/ },
    'by its own passwd',
  )
  t.match(run('--image', 'base:1', id, '--', '/bin/cat', '/etc/new'), { status: 1 }, 'the image is as it was')
  t.match(image('commit', upper, 'base:1', `${host}/a/changed:2`, '-m', 'why'), { status: 0, stdout: /^sha256:/ })
  const pushed = image('push', '-q', `${host}/a/changed:2`)
  t.match(pushed, { status: 0, stdout: /^sha256:/ }, pushed.stderr)

  const inspected = JSON.parse(command('skopeo', 'inspect', '--tls-verify=false', `docker://${host}/a/changed:2`))
  t.equal(inspected.Digest, pushed.stdout.trim())
  const layout = join(directory, 'layout')
  command('skopeo', 'copy', '--src-tls-verify=false', `docker://${host}/a/changed:2`, `oci:${layout}:x`)
  const bundle = join(directory, 'bundle')
  command('umoci', 'unpack', '--image', `${layout}:x`, bundle)
  t.equal(readFileSync(join(bundle, 'rootfs/etc/new'), 'utf8'), 'new\n')
  t.same(readdirSync(join(bundle, 'rootfs/etc')), ['new', 'passwd'], 'what was removed is gone')
  const again = run('--image', `${host}/a/changed:2`, id, '--', '/bin/cat', '/etc/new')
  t.match(again, { status: 0, stdout: 'new\n' })
  t.match(image('ls').stdout, /changed:2 +sha256:[0-9a-f]{12} +linux\//)
  t.match(JSON.parse(image('inspect', 'base:1').stdout), {
    name: 'docker.io/library/base:1',
    config: { history: [{ created_by: 'tsrun' }] },
  })
  t.match(image('rm', 'base:1', `${host}/a/changed:2`), { status: 0 })
  t.same(readdirSync(join(store, 'blobs/sha256')), [])
  t.same(readdirSync(join(store, 'tsrun/layers/kept')), [], 'no layer is left')
  t.same(readdirSync(join(store, 'tsrun/leases')), [])
})

t.test('a copy of the image is a root without overlay, for those who ask', { skip }, async t => {
  const { directory, image, run, id } = prepared(t)
  const root = makeRoot(t)
  chmodSync(join(root, 'bin/busybox'), 0o4755)
  image('import', '--as-root', root, 'base:1')
  const upper = join(directory, 'upper')
  const script =
    'echo new > /etc/new; rm /etc/group; busybox rm -r /tmp; busybox mkdir /tmp; busybox chown 5:6 /etc/new'
  t.match(run('--image', 'base:1', '--upper', upper, id, '--', '/bin/sh', '-c', script), { status: 0 })
  image('commit', upper, 'base:1', 'changed:2')
  const layers = image('unpack', '-q', 'changed:2').stdout.trim().split('\n')
  t.equal(layers.length, 2)

  const copy = join(directory, 'copy')
  const printed = run('--image', 'changed:2', '--copy', copy, id, '--', '/bin/cat', '/proc/mounts', '/etc/new')
  t.match(printed, { status: 0, stdout: /new\n$/ }, printed.stderr)
  t.notMatch(printed.stdout, / \/ overlay /)
  const seen = scratch(t)
  const merge = 'mount -t overlay overlay -o "lowerdir=$2:$1" "$3" && cp -a "$3/." "$4"'
  command('unshare', '-m', 'sh', '-ec', merge, 'sh', ...layers, scratch(t), seen)
  const [found, wanted] = [treeOf(join(copy, 'rootfs')), treeOf(seen)]
  // Where the container has its mounts.
  const isOfTheContainer = (line: string): boolean => /^(\.|dev|proc|sys)(\/|:)/.test(line)
  t.ok(Object.keys(wanted).length > 10)
  t.same(
    differences(found, wanted).filter(line => !isOfTheContainer(line)),
    [],
  )
  t.match(statSync(join(copy, 'rootfs/etc/new')), { uid: 5, gid: 6 })

  t.match(run('--image', 'changed:2', '--copy', copy, id, '--', '/bin/id'), { status: 1, stderr: /ENOTEMPTY/ })
  t.match(run('--image', 'changed:2', '--copy', copy, '--upper', upper, id, '--', '/bin/id'), {
    status: 1,
    stderr: /exclude each other/,
  })
  const open = scratch(t)
  chmodSync(open, 0o755)
  t.match(run('--image', 'changed:2', '--copy', open, id, '--', '/bin/id'), {
    status: 1,
    stderr: /other users can reach/,
  })
  t.same(readdirSync(join(open, 'rootfs')), [])
})

t.test('what an image calls a volume is one of the container alone', { skip }, async t => {
  const { directory, store, image, run, id } = prepared(t)
  const root = makeRoot(t)
  mkdirSync(join(root, 'data'))
  writeFileSync(join(root, 'data/first'), 'of the image\n')
  const Volumes = { '/data': {}, '/data/more/': {} }
  const script =
    'cd /data; cat first; echo x >> first; /bin/busybox mkdir -p more; echo x > more/x; rm /etc/group; grep -c " /data" /proc/self/mountinfo || :'
  const images = openImages({ directory: store })
  await images.importRoot(root, 'base:1', { config: { Volumes, Cmd: ['/bin/sh', '-c', script] } })
  const told = (...flags: readonly string[]): string => {
    const { status, stdout, stderr } = run('--image', 'base:1', ...flags, id)
    t.equal(status === 0 ? stderr : `${status}: ${stderr}`, '')
    t.same(readdirSync(join(store, 'tsrun/leases')), [], 'it went with the container')
    return stdout
  }
  t.equal(told(), 'of the image\n2\n')
  t.equal(told('--volume', 'kept:/data/'), 'of the image\n2\n', 'the volume of the one, below it that of the image')
  t.equal(told('--volume', 'kept:/data'), 'of the image\nx\n2\n', 'it was kept')
  t.equal(told('--upper', join(directory, 'upper')), 'of the image\n0\n')
  t.equal(readFileSync(join(directory, 'upper/upper/data/more/x'), 'utf8'), 'x\n')
  t.match(image('rm', 'base:1'), { status: 0 })
})

t.test('a volume without a name is there as long as its container', { skip }, async t => {
  const { directory, store, run, id } = prepared(t)
  const root = makeRoot(t)
  const config = { Volumes: { '/data': {} }, Cmd: ['/bin/sh', '-c', 'echo x > /data/x; read x'] }
  const images = openImages({ directory: store })
  await images.importRoot(root, 'base:1', { config })
  const volumes = (): readonly string[] =>
    readdirSync(join(store, 'tsrun/leases')).map(name => join(store, 'tsrun/leases', name, 'volumes/0'))
  const started = run('--image', 'base:1', '--detach', id)
  t.equal(started.status, 0, started.stderr)
  const [first = ''] = volumes()
  await until(() => existsSync(join(first, 'x')), 'the container')
  await images.prune()
  t.ok(existsSync(join(first, 'x')), 'nobody takes it away')
  t.equal(tsrun(['--root', join(directory, 'state'), 'delete', '--force', id]).status, 0)
  const again = run('--image', 'base:1', '--detach', id)
  t.equal(again.status, 0, again.stderr)
  t.notOk(existsSync(first), 'that of a deleted container goes when another is made')
  t.equal(volumes().length, 1)
  t.equal(tsrun(['--root', join(directory, 'state'), 'delete', '--force', id]).status, 0)
  await images.prune()
  t.same(volumes(), [])
})

t.test('what an image says of itself is no command for a terminal', { skip }, t => {
  const { image } = prepared(t)
  const layout = makeLayout(t, { architecture: '\x1b]0;title\x07' })
  t.equal(image('import', layout, 'odd:1').status, 0)
  const { stdout } = image('ls')
  t.match(stdout, /odd:1 .* linux\/\?]0;title\? /)
  t.notOk(stdout.includes('\x1b'))
  t.end()
})

t.test('a container that goes on keeps its image', { skip }, async t => {
  const { directory, store, image, run, id } = prepared(t)
  image('import', '--as-root', makeRoot(t), 'base:1')
  const started = run('--image', 'base:1', '--detach', id, '--', '/bin/sh', '-c', 'cat /etc/passwd; read x')
  t.equal(started.status, 0, started.stderr)
  t.match(image('rm', 'base:1'), { status: 1, stderr: /a container uses it/ })
  t.equal(tsrun(['--root', join(directory, 'state'), 'delete', '--force', id]).status, 0)
  t.match(image('rm', 'base:1'), { status: 0 })
  t.same(readdirSync(join(store, 'tsrun/leases')), [])
})

t.test('Control-C leaves a store that the next pull goes on with', { skip }, async t => {
  const { store, directory } = prepared(t)
  const registry = await startRegistry(t)
  const root = scratch(t)
  writeFileSync(join(root, 'large'), randomBytes(4_000_000))
  const seeded = prepared(t)
  seeded.image('import', '--as-root', root, `${registry.host}/large`)
  t.equal(seeded.image('push', '-q', `${registry.host}/large`).status, 0)
  let isSlow = true
  const cutAfter = () => (isSlow ? 1_500_000 : null)
  const proxy = await startProxy(t, registry.host, [{ matches: isBlob, cutAfter }])
  const name = `${proxy.host}/large`
  const args = [TSRUN, 'image', 'pull', '--store', store, name]
  const child = spawn(process.execPath, args, { stdio: 'ignore' })
  const partial = join(store, 'tsrun/partial')
  const hasData = (hex: string): boolean => {
    const file = join(partial, hex, 'data')
    return existsSync(file) && statSync(file).size > 1_000_000
  }
  await until(() => existsSync(partial) && readdirSync(partial).some(hasData), 'a part of the layer')
  child.kill('SIGINT')
  const [status] = await once(child, 'exit')
  t.equal(status, 130)
  t.equal(readdirSync(partial).length, 1, 'what came is there')
  isSlow = false
  t.ok(existsSync(directory))
  const second = spawn(process.execPath, args, { stdio: 'ignore' })
  t.same(await once(second, 'exit'), [0, null])
  t.same(readdirSync(partial), [])
})

/** The command with a terminal as its standard error, and all that came out of it. */
const ON_A_TERMINAL = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'

t.test('progress is bars on a terminal, and plain lines elsewhere', { skip: skip || missing('python3') }, async t => {
  const registry = await startRegistry(t)
  const name = `${registry.host}/two/layers:1`
  seed(registry, makeLayout(t, { layers: [{ a: randomBytes(3_000_000) }, { b: 'y' }] }), 'two/layers:1')
  const plain = prepared(t).image('pull', '--unpack', name)
  t.equal(plain.status, 0, plain.stderr)
  t.equal(plain.stderr.match(/^[0-9a-f]{12}: transferred$/gm)?.length, 2, plain.stderr)
  t.equal(plain.stderr.match(/^[0-9a-f]{12}: unpacked$/gm)?.length, 2)
  t.notOk(plain.stderr.includes('\x1b'))
  const words = [process.execPath, TSRUN, 'image', 'pull', '--unpack', '--store', join(scratch(t), 'store'), name]
  const shown = command('python3', '-c', ON_A_TERMINAL, ...words)
  t.match(shown, /[0-9a-f]{12}: \[=+ *\] [0-9.]+ [kM]?B\/[0-9.]+ [kM]?B/)
  const [, ...drawings] = shown.split('\x1b[2A')
  t.ok(drawings.length > 0, 'the lines of both layers are drawn over')
  t.equal(drawings.at(-1)?.match(/[0-9a-f]{12}: unpacked/g)?.length, 2, shown)
})

t.test('what is wrong with the words is told', { skip }, async t => {
  const { image, run } = prepared(t)
  for (const [outcome, message] of [
    [image('frob'), /image has no frob/],
    [image('ls', '--force'), /--force is no flag of image ls/],
    [image('pull'), /requires exactly 1/],
    [image('pull', 'A'), /in lower case/],
    [image('export', 'a', '-', '--format', 'zip'), /invalid format option: zip/],
    [image('import', '--as-root', '/etc'), /needs a name/],
    [image('ls', '--mirror', 'x'), /write REGISTRY=URL/],
    [run('--image', 'x', '--bundle', 'y', 'c'), /exclude each other/],
    [tsrun(['run', '--tty', 'x']), /--tty needs --image/],
    [tsrun(['run', 'a', 'b']), /requires exactly 1/],
  ] as const) {
    t.equal(outcome.status, 1)
    t.match(outcome.stderr, message)
  }
})
