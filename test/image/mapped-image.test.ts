import { chownSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { missing } from '../needs.js'
import { makeRootlessBundle, USER } from '../rootless.js'
import { command, startRegistry } from './registry.js'
import { tarOf } from './tars.js'

const skip = missing('root', 'busybox', 'user-namespaces', 'newuidmap')
const FIRST = 300000

/** A root whose files have several owners, some of them private. */
const root = (): Buffer =>
  tarOf(
    { name: './', type: '5', mode: 0o555 },
    { name: 'bin/', type: '5', mode: 0o755 },
    { name: 'bin/busybox', content: readFileSync('/bin/busybox'), mode: 0o4755 },
    { name: 'bin/sh', type: '2', link: 'busybox' },
    { name: 'etc/', type: '5', mode: 0o755 },
    { name: 'etc/passwd', content: 'db:x:999:998::/:/bin/sh\n' },
    { name: 'etc/group', content: 'more:x:77:db\n' },
    { name: 'srv/', type: '5', mode: 0o700, uid: 999, gid: 998 },
    { name: 'srv/data', content: 'of db\n', mode: 0o600, uid: 999, gid: 998 },
  )

function prepared(t: Test) {
  const { directory, bundle, prefix, script } = makeRootlessBundle(t)
  const etc = join(directory, 'etc')
  const grant = `test -d ${etc} || cp -a /etc ${etc}; for f in subuid subgid; do echo nobody:${FIRST}:65536 > ${etc}/$f; done; mount --bind ${etc} /etc`
  writeFileSync(join(bundle, 'root.tar'), root())
  chownSync(join(bundle, 'root.tar'), USER, USER)
  const store = join(bundle, 'store')
  const import_ = `tsrun image import --store ${store} --as-root ${bundle}/root.tar app:1`
  const run = (words: string, command: string): string =>
    `tsrun run --store ${store} --image app:1 ${words} ${prefix} -- /bin/sh -c '${command}'`
  return { granted: { before: grant }, store, bundle, prefix, import_, run, script }
}

const LOOK = 'busybox stat -c "%n %a %u:%g" / /bin/busybox /srv /srv/*; id -u; id -G; cat /srv/data'

t.test('a user who has been granted ids has images with the owners that they have', { skip }, async t => {
  const { granted, store, bundle, import_, run, script } = prepared(t)
  const write = 'echo new > /srv/new && chmod 640 /srv/new && busybox stat -c "%u:%g" /srv/new'
  const first = script(
    `${import_} && ${run('--user db --volume data:/srv', LOOK)} && ${run('--user db --volume data:/srv', write)}`,
    granted,
  )
  t.equal(first.status, 0, first.stderr)
  t.equal(
    first.stdout.replace(/^.*app:1\n/, ''),
    '/ 555 0:0\n/bin/busybox 4755 0:0\n/srv 700 999:998\n/srv/data 600 999:998\n999\n998 77\nof db\n999:998\n',
  )
  t.notMatch(first.stderr, /belong to this user/)
  t.match(lstatSync(join(store, 'tsrun/volumes/data/data/new')), { uid: FIRST + 998, gid: FIRST + 997 })

  const copied = script(`umask 022; ${run(`--user db --copy ${bundle}/copy`, `${LOOK}; ${write}`)}`, granted)
  t.equal(copied.stdout, `${first.stdout.replace(/^.*app:1\n/, '')}`, copied.stderr)
  t.match(lstatSync(join(bundle, 'copy/rootfs/srv/new')), { uid: FIRST + 998, gid: FIRST + 997 })

  const change = 'echo x > /made && busybox chown 5:6 /made && rm /srv/data'
  const second = script(
    `${run(`--upper ${bundle}/up`, change)} && tsrun image commit --store ${store} ${bundle}/up app:1 app:2 >&2 && tsrun image export --store ${store} app:2 ${bundle}/out.tar`,
    granted,
  )
  t.equal(second.status, 0, second.stderr)
  const third = script(run('', 'busybox stat -c "%u:%g" /made; test ! -e /srv/data').replace('app:1', 'app:2'), granted)
  t.match(third, { status: 0, stdout: '5:6\n' }, third.stderr)

  const last = script(
    `tsrun volume rm --store ${store} data && tsrun image prune --all --store ${store} >&2 && tsrun image ls -q --store ${store}`,
    granted,
  )
  t.match(last, { status: 0, stdout: '' }, last.stderr)
  for (const folder of ['unpacking', 'volumes', 'leases']) t.same(readdirSync(join(store, 'tsrun', folder)), [], folder)
  for (const kind of readdirSync(join(store, 'tsrun/layers')))
    t.same(readdirSync(join(store, 'tsrun/layers', kind)), [], kind)
})

t.test('without ids, or if they are not wanted, all files are of this user, which is told once', { skip }, async t => {
  const { granted, store, import_, run, script } = prepared(t)
  const look = run('', 'busybox stat -c %u:%g /srv/data; cat /srv/data')
  const unpack = `tsrun image unpack --store ${store} app:1`
  const without = script(`${import_} >&2 && ${unpack} && ${unpack} && ${look}`)
  t.match(without, { status: 0, stdout: /0:0\nof db\n$/ }, without.stderr)
  t.equal(without.stderr.split('all files belong to this user').length, 2, without.stderr)
  const squashed = script(`${unpack} --squash && ${look.replace('tsrun run', 'tsrun run --squash')}`, granted)
  t.match(squashed, { status: 0, stdout: /\/squashed\/.*0:0\nof db\n$/s }, squashed.stderr)
  const mapped = script(look, granted)
  t.match(mapped, { status: 0, stdout: '999:998\nof db\n' }, mapped.stderr)
})

const withRegistry = { skip: skip || missing('docker-registry', 'skopeo') }

t.test('a plain user pulls, changes, commits and pushes', withRegistry, async t => {
  const { host } = await startRegistry(t)
  const { granted, store, bundle, import_, prefix, script } = prepared(t)
  const image = (words: string): string => `tsrun image ${words} --store ${store}`
  const [name, changed] = [`${host}/user/app:1`, `${host}/user/app:2`]
  const container = `tsrun run --store ${store} --image ${name} --upper ${bundle}/up ${prefix} -- /bin/sh -c 'echo mine > /new; busybox chown 5:6 /new'`
  const steps = [
    `${import_} && ${image(`push -q app:1 ${name}`)} && ${image('rm app:1')} && ${image('prune --all')}`,
    `${image(`pull -q --unpack ${name}`)} && ${container}`,
    `${image(`commit ${bundle}/up ${name} ${changed}`)} && ${image(`push -q ${changed}`)}`,
  ]
  for (const step of steps) {
    const { status, stderr } = script(step, granted)
    t.equal(status, 0, stderr)
  }
  const { Layers } = JSON.parse(command('skopeo', 'inspect', '--tls-verify=false', `docker://${changed}`))
  t.equal(Layers.length, 2)
  const layout = join(bundle, 'layout')
  command('skopeo', 'copy', '--src-tls-verify=false', `docker://${changed}`, `oci:${layout}:x`)
  const archive = join(layout, 'blobs/sha256', Layers[1].slice('sha256:'.length))
  t.match(command('tar', '--numeric-owner', '-tvzf', archive), / 5\/6 .* new\n/, 'with the owners of the image')
})
