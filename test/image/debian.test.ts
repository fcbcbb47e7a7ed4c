/** Debian, as mmdebstrap makes it, as a layer: what `make.mjs` has fetched, and by night a whole system of 6,000 entries. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openImages, runtimeConfig } from '../../lib/image/index.js'
import { createRuntime } from '../../lib/index.js'
import { effort } from '../effort.js'
import { missing, SYSTEMS } from '../needs.js'
import { command, scratch } from './registry.js'
import { differences, treeOf } from './trees.js'

interface Debian {
  /** What an image is made of: an archive, or a directory. */
  readonly source: string
  /** The same files, without any of our code. */
  readonly files: string
  readonly fewest: number
  readonly args: readonly string[]
  readonly says: RegExp
}

function fetched(): Debian {
  const folder = `${SYSTEMS}/bullseye`
  const args = ['/bin/busybox', 'sh', '-c', 'echo $((6 * 7))']
  return { source: folder, files: folder, fewest: 300, args, says: /^42$/ }
}

function made(t: Test): Debian {
  const folder = scratch(t)
  const [source, files] = [join(folder, 'debian.tar'), join(folder, 'files')]
  command('mmdebstrap', '--variant=essential', '--quiet', 'bookworm', source)
  mkdirSync(files)
  command('tar', '--xattrs', '--xattrs-include=*', '--numeric-owner', '-C', files, '-xpf', source)
  const args = ['/bin/sh', '-c', 'dpkg --list | wc -l; perl -e "print 6 * 7"']
  return { source, files, fewest: 6000, args, says: /^[0-9]{2,}\n42$/ }
}

const isNight = effort.times > 1
const skip = missing('root', 'python3', isNight ? 'mmdebstrap' : 'systems')

t.test('Debian is unpacked as tar does it, and runs', { skip, timeout: 600_000 }, async t => {
  const { source, files, fewest, args, says } = isNight ? made(t) : fetched()
  const images = openImages({ directory: join(scratch(t), 'store') })
  await images.importRoot(source, 'debian:1')
  await using unpacked = await images.unpack('debian:1')
  const tree = treeOf(unpacked.layers[0] ?? '')
  t.ok(Object.keys(tree).length > fewest, `${Object.keys(tree).length} entries`)
  t.same(differences(tree, treeOf(files)), [])
  const config = runtimeConfig(unpacked.image, unpacked.layers, { args })
  const runtime = createRuntime({ root: join(scratch(t), 'state') })
  const { stdout } = await runtime.run({ config, rootfs: { layers: unpacked.layers, upper: 'memory' } })
  t.match(stdout.trim(), says)
})
