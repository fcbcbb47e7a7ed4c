import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { missing } from '../needs.js'
import { USER } from '../rootless.js'
import { tarOf } from './tars.js'
import { folderFor, type Tree, treeOf, unpackTo } from './trees.js'

const skip = missing('root', 'python3', 'user-namespaces')
const CAPABILITY = Buffer.from('0100000200200000000000000000000000000000', 'hex').toString('latin1')

const layer = tarOf(
  { name: './', type: '5', mode: 0o755 },
  { name: 'own', content: 'x', uid: 1000, gid: 50, mode: 0o4755 },
  {
    name: 'root',
    content: 'x',
    pax: { 'SCHILY.xattr.user.note': 'yes', 'SCHILY.xattr.security.capability': CAPABILITY },
  },
  { name: 'locked/', type: '5', mode: 0o000, uid: 7, gid: 8 },
  { name: 'locked/in', content: 'x', mode: 0o000 },
  { name: 'null', type: '3', device: [1, 3], mode: 0o666 },
  { name: 'pipe', type: '6' },
  { name: '.wh.gone' },
  { name: 'locked/.wh..wh..opq' },
)

interface Done {
  readonly unpacked: Readonly<Record<string, unknown>>
  /** In base64. */
  readonly packed: string
  readonly error?: Readonly<Record<string, string>>
}

interface User {
  readonly path: string
  run(options: object): Done
}

/** What a user without privileges may do, in a mount namespace in which it reaches the checkout and Node, and has been granted ids. */
function asUser(t: Test): User {
  const folder = folderFor(t)
  const [code, etc, path] = [join(folder, 'code'), join(folder, 'etc'), join(folder, 'layer')]
  for (const directory of [code, path]) mkdirSync(directory)
  const [node, tar] = [join(folder, 'node'), join(folder, 'tar')]
  writeFileSync(node, '')
  writeFileSync(tar, layer)
  for (const directory of [folder, path]) chownSync(directory, USER, USER)
  const grant = `cp -a /etc ${etc}; for f in subuid subgid; do echo nobody:300000:65536 > ${etc}/$f; done; mount --bind ${etc} /etc`
  const setup = `set -e; mount --bind ${resolve('.')} ${code}; mount --bind ${process.execPath} ${node}; ${grant}; cd /`
  const run = (options: object): Done => {
    const given = JSON.stringify({ tar, target: path, ...options })
    const command = `${setup}; exec setpriv --reuid=${USER} --regid=${USER} --clear-groups env -i PATH=$PATH ${node} ${code}/test/image/unpack-as.mjs "$0"`
    const said = execFileSync('unshare', ['-m', 'sh', '-c', command, given], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH ?? '' },
    })
    return JSON.parse(said) as Done
  }
  return { path, run }
}

const owners = (tree: Tree, path: string): readonly unknown[] => [tree[path]?.uid, tree[path]?.gid]

/** Type, owner and name, as GNU tar reads it. */
const listing = (tar: Buffer): string[] =>
  execFileSync('tar', ['--numeric-owner', '-tvf', '-'], { input: tar, encoding: 'utf8' })
    .trimEnd()
    .split('\n')
    .map(line => line.replace(/^(\S+) +(\S+) .*:\d\d /, '$1 $2 '))
    .toSorted()

t.test('a user has all files itself', { skip }, async t => {
  const { path, run } = asUser(t)
  const { unpacked, packed } = run({})
  t.match(unpacked, { entries: 9, squashed: true, dropped: { xattrs: 1, devices: 1 } })
  const tree = treeOf(path)
  t.same(new Set(Object.values(tree).map(({ uid, gid }) => `${uid}:${gid}`)), new Set([`${USER}:${USER}`]))
  t.equal(tree.own?.mode, '0o104755')
  t.same(tree.root?.xattrs, { 'user.note': 'yes' })
  t.match(tree.gone, { mode: '0o20000', device: [0, 0] })
  t.match(tree.locked, { mode: '0o40000', xattrs: { 'user.overlay.opaque': 'y' } })
  t.notOk(tree.null)
  t.same(listing(Buffer.from(packed, 'base64')), [
    '---------- 0/0 .wh.gone',
    '---------- 0/0 locked/.wh..wh..opq',
    '---------- 0/0 locked/in',
    '-rw-r--r-- 0/0 root',
    '-rwsr-xr-x 0/0 own',
    'd--------- 0/0 locked/',
    'drwxr-xr-x 0/0 ./',
    'prw-r--r-- 0/0 pipe',
  ])
  t.same(run({ clear: true }), {})
  t.same(readdirSync(path), [])
})

t.test('a user has the files of the ids that it was granted', { skip: skip || missing('newuidmap') }, async t => {
  const { path, run } = asUser(t)
  const mappings = [
    { containerID: 0, hostID: USER, size: 1 },
    { containerID: 1, hostID: 300000, size: 65536 },
  ]
  const mapped = { mapped: { uidMappings: mappings, gidMappings: mappings } }
  const { unpacked, packed } = run({ owners: mapped })
  t.match(unpacked, { squashed: false, dropped: { xattrs: 0, devices: 1 } })
  const tree = treeOf(path)
  t.same(owners(tree, 'own'), [300999, 300049])
  t.same(owners(tree, 'root'), [USER, USER])
  t.same(owners(tree, 'locked'), [300006, 300007])
  t.same(Object.keys(tree.root?.xattrs ?? {}).sort(), ['security.capability', 'user.note'])
  t.same(listing(Buffer.from(packed, 'base64')), [
    '---------- 0/0 .wh.gone',
    '---------- 0/0 locked/.wh..wh..opq',
    '---------- 0/0 locked/in',
    '-rw-r--r-- 0/0 root',
    '-rwsr-xr-x 1000/50 own',
    'd--------- 7/8 locked/',
    'drwxr-xr-x 0/0 ./',
    'prw-r--r-- 0/0 pipe',
  ])
  run({ owners: mapped, clear: true })
  t.same(readdirSync(path), [])
  const few = { mapped: { uidMappings: mappings.slice(0, 1), gidMappings: mappings.slice(0, 1) } }
  t.match(run({ owners: few }).error, {
    code: 'ERR_LAYER_WRITE',
    entry: 'own',
    errno: 'EINVAL',
    message: /no id in the mappings/,
  })
  t.same(readdirSync(path), [])
  const others = { mapped: { uidMappings: [{ containerID: 0, hostID: 5, size: 1 }], gidMappings: mappings } }
  t.match(run({ owners: others }).error, { code: 'ERR_HOST_PRIVILEGE', message: /owners\.mapped\.uidMappings/ })
  t.match(run({ owners: 'kept' }).error, { code: 'ERR_HOST_PRIVILEGE', remedy: /squashed/ })
})

t.test('root gives the files to the ids of a container', { skip }, async t => {
  const mappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
  const mapped = { mapped: { uidMappings: mappings, gidMappings: mappings } }
  const { path, squashed } = await unpackTo(t, layer, { owners: mapped, overlay: 'user' })
  const tree = treeOf(path)
  t.equal(squashed, false)
  t.same(owners(tree, '.'), [100000, 100000])
  t.same(owners(tree, 'own'), [101000, 100050])
  t.equal(tree.own?.mode, '0o104755')
})
