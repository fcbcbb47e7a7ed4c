import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openImages } from '../../lib/image/index.js'
import { RUNNER, TSRUN } from '../command.js'
// @ts-expect-error: it is JavaScript.
import { startRegistry } from '../engines/docker.mjs'
import { missing } from '../needs.js'
import { scratch } from './registry.js'
import { type Made, tarOf } from './tars.js'
import { differences as allDifferences, READ_TREE, type Tree } from './trees.js'

const skip = missing('root', 'docker', 'docker-registry', 'podman', 'buildah', 'busybox', 'python3')
const NAME = '127.0.0.1:5000/everything:1'
const CAPABILITY = Buffer.from('0100000200200000000000000000000000000000', 'hex').toString('latin1')

const LONG = 'long/'.repeat(30)

const TOOL = { mode: 0o4711, uid: 1000, gid: 50, pax: { mtime: '1234567890.123456789' } }
const directoryAt = (path: string): Made => ({ name: 'x/', type: '5', mode: 0o755, pax: { path } })

/** All that a layer can have, and what the layer above it changes. */
const base = (): Buffer =>
  tarOf(
    { name: './', type: '5', mode: 0o755 },
    { name: 'bin/', type: '5', mode: 0o755, mtime: 1 },
    { name: 'bin/tool', content: 'x', ...TOOL },
    { name: 'bin/caps', content: 'x', mode: 0o755, pax: { 'SCHILY.xattr.security.capability': CAPABILITY } },
    // As tar writes it: engines give the file what the entry of its other name says.
    { name: 'bin/same', type: '1', link: 'bin/tool', ...TOOL },
    { name: 'bin/link', type: '2', link: '../../../etc/gone', uid: 7, gid: 8 },
    { name: 'locked/', type: '5', mode: 0o1700, uid: 65534, gid: 65534 },
    { name: 'locked/pipe', type: '6', mode: 0o622 },
    { name: 'locked/null', type: '3', device: [1, 3], mode: 0o666 },
    ...Array.from({ length: 30 }, (_, depth) => directoryAt('long/'.repeat(depth + 1))),
    { name: 'x', content: 'bytes', mode: 0o600, pax: { path: `${LONG}latin-\xe4` } },
    { name: 'old/', type: '5', mode: 0o755 },
    { name: 'old/hidden', content: 'x' },
    { name: 'gone', content: 'x' },
    { name: 'empty/', type: '5', mode: 0o2775, gid: 50 },
  )

/** Engines have a mode and a time of their own for the root. */
const differences = (found: Tree, wanted: Tree): readonly string[] =>
  allDifferences(found, wanted).filter(text => !text.startsWith('.: '))

/** As overlay leaves it. */
function makeUpper(t: Test): string {
  const upper = scratch(t)
  mkdirSync(join(upper, 'old'))
  writeFileSync(join(upper, 'old/new'), 'new')
  execFileSync('mknod', [join(upper, 'gone'), 'c', '0', '0'])
  const mark = 'import os, sys; os.setxattr(sys.argv[1], b"trusted.overlay.opaque", b"y")'
  execFileSync('python3', ['-c', mark, join(upper, 'old')])
  return upper
}

/** The engines, with a registry and our command beside them. */
async function startEngines(t: Test) {
  const engine = await startRegistry('runc')
  // Not among what the engines hide.
  const shared = mkdtempSync(join(tmpdir(), 'tsrun-shared-'))
  t.teardown(async () => {
    await engine.stop()
    await engine.close()
    rmSync(shared, { recursive: true, force: true })
  })
  const sh = async (script: string): Promise<string> => {
    const { exitCode, stdout, stderr } = await engine.run(`set -e; ${script}`)
    if (exitCode !== 0) throw new Error(`${script}: ${stderr}`)
    return stdout.trim()
  }
  writeFileSync(join(shared, 'tree.py'), READ_TREE)
  const treeAt = async (path: string): Promise<Tree> => JSON.parse(await sh(`python3 ${shared}/tree.py ${path}`))
  /** Of layers, the uppermost first, as overlay shows them. */
  const treeOn = async (lower: string): Promise<Tree> => {
    await sh(`mkdir -p $WORK/mount; mount -t overlay overlay -o lowerdir=${lower} $WORK/mount`)
    const tree = await treeAt('$WORK/mount')
    await sh('umount $WORK/mount')
    return tree
  }
  const image = (words: string): Promise<string> => sh(`${RUNNER} ${TSRUN} image ${words} --store ${shared}/store`)
  return { shared, sh, treeAt, treeOn, image }
}

t.test('what others read of our images is what we have, file by file', { skip, timeout: 240_000 }, async t => {
  const { shared, sh, treeAt, treeOn, image } = await startEngines(t)
  const images = openImages({ directory: join(shared, 'store') })
  writeFileSync(join(shared, 'base.tar'), base())
  await images.importRoot(join(shared, 'base.tar'), NAME, { config: { Cmd: ['/bin/tool'] } })
  await images.commit(makeUpper(t), NAME, { base: NAME })
  const unpacked = await images.unpack(NAME)
  const ours = await treeOn(unpacked.layers.toReversed().join(':'))
  await unpacked.release()
  t.equal(Object.keys(ours).length, 43)
  t.equal(ours['bin/tool']?.mtime, '1234567890123456789')
  t.same(
    Object.keys(ours).filter(path => /^(gone|old\/)/.test(path)),
    ['old/new'],
  )

  await t.test('docker load of our archive, and docker save for us', async t => {
    await image(`export ${NAME} ${shared}/ours.tar`)
    await sh(`docker load -q -i ${shared}/ours.tar`)
    const format = '{{.GraphDriver.Data.UpperDir}}:{{.GraphDriver.Data.LowerDir}}'
    t.same(differences(await treeOn(await sh(`docker image inspect -f '${format}' ${NAME}`)), ours), [])
    await sh(`docker save -o ${shared}/theirs.tar ${NAME}`)
    const [saved] = await images.import(join(shared, 'theirs.tar'), { name: 'saved:1' })
    t.same(saved?.config.rootfs.diff_ids, unpacked.image.config.rootfs.diff_ids, 'the same layers, byte by byte')
    t.same(saved?.config.config?.Cmd, ['/bin/tool'])
  })

  await t.test('podman pull of what we push', async t => {
    await image(`push -q ${NAME}`)
    const podman = 'podman --root $WORK/podman --runroot $WORK/podrun --storage-driver overlay'
    await sh(`${podman} pull -q --tls-verify=false ${NAME}`)
    t.same(differences(await treeAt(await sh(`${podman} image mount ${NAME}`)), ours), [])
  })

  await t.test('an image that buildah has changed', async t => {
    const buildah = 'buildah --root $WORK/podman --runroot $WORK/podrun --storage-driver overlay'
    const made = `c=$(${buildah} from --pull-never ${NAME}); echo built > $WORK/built; ${buildah} copy -q $c $WORK/built /built/file; ${buildah} config --env BUILT=1 $c`
    await sh(`${made}; ${buildah} commit -q $c oci-archive:${shared}/built.tar:built:1 >&2`)
    const [built] = await images.import(join(shared, 'built.tar'), { name: 'built:1' })
    t.ok(built?.config.config?.Env?.includes('BUILT=1'))
    const again = await images.unpack('built:1')
    const tree = await treeOn(again.layers.toReversed().join(':'))
    await again.release()
    t.match(tree['built/file'], { mode: '0o100644', uid: 0 })
    t.same(
      differences(tree, ours).filter(text => !text.startsWith('built')),
      [],
    )
  })
})
