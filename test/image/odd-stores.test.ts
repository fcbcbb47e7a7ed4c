/** Stores on a disk that is full, and of another user. */
import { randomBytes } from 'node:crypto'
import { chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { execute, RUNNER, TSRUN, tsrun } from '../command.js'
import { missing } from '../needs.js'
import { makeLayout, scratch, seed, startRegistry } from './registry.js'

/** A pull for each size of the disk, what the store has then, and what is on its way. */
const ON_A_DISK = `
  mount -t tmpfs tmpfs "$1"
  for size in 1m 4m 40m; do
    mount -o remount,size=$size "$1"
    "$2" "$3" image pull -q --unpack --store "$1/store" "$4" >&2
    echo "$size: $? $("$2" "$3" image ls -q --store "$1/store" | wc -l)"
  done
  find "$1/store/tsrun/partial" "$1/store/tsrun/unpacking" "$1/store/tsrun/leases" -mindepth 1`

t.test(
  'a disk that is full ends a pull, and the next goes on',
  { skip: missing('root', 'skopeo', 'docker-registry') },
  async t => {
    const registry = await startRegistry(t)
    const layers = [1, 2].map(layer => ({ [`file${layer}`]: randomBytes(1_300_000) }))
    seed(registry, makeLayout(t, { layers }), 'a/b:1')
    const words = ['sh', scratch(t), RUNNER, TSRUN, `${registry.host}/a/b:1`]
    const { stdout, stderr, status } = execute('unshare', ['-m', 'sh', '-c', ON_A_DISK, ...words])
    t.equal(status, 0, stderr)
    t.equal(stdout, '1m: 1 0\n4m: 1 0\n40m: 0 1\n', stderr)
    t.match(stderr, /\/partial\/.*ENOSPC.*file[12].*ENOSPC/s, 'first the blobs do not fit, then the layers')
  },
)

t.test('nobody writes into the store of another user', { skip: missing('root') }, async t => {
  const store = join(scratch(t), 'store')
  const tree = join(scratch(t), 'tree')
  mkdirSync(tree)
  const image = (...words: readonly string[]) => tsrun(['image', ...words, '--store', store])
  t.equal(image('import', '--as-root', tree, 'a:1').status, 0)
  chownSync(join(store, 'tsrun/lock'), 65534, 65534)
  for (const words of [['import', '--as-root', tree, 'b:1'], ['rm', 'a:1'], ['prune'], ['unpack', 'a:1']])
    t.match(image(...words), { status: 1, stderr: /tsrun\/lock: it belongs to uid 65534, not to this user/ })
  t.match(image('ls').stdout, /library\/a:1 /)
})
