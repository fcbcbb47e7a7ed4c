/** Where a root of layers can't be: the error says what to do, and that works. */
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openImages } from '../../lib/image/index.js'
import { execute, RUNNER, TSRUN } from '../command.js'
import { missing } from '../needs.js'
import { makeRootlessBundle, USER } from '../rootless.js'
import { scratch } from './registry.js'

const skip = missing('root', 'busybox', 'user-namespaces')

t.test('without root, on a file system without user attributes', { skip }, async t => {
  const { rootfs, bundle, prefix, script } = makeRootlessBundle(t)
  const store = `--store ${bundle}/store`
  const before = `mkdir plain; mount -t ramfs ramfs plain; chown ${USER} plain`
  const run = (flags: string): string => `tsrun run ${store} --image app:1 ${flags} ${prefix} -- /bin/echo ran`
  const made = script(`umask 022; tsrun image import ${store} --as-root ${rootfs} app:1`)
  t.equal(made.status, 0, made.stderr)
  const both = script(`${run('--upper plain/up')}; umask 022; ${run('--copy plain/copy')}`, { before })
  t.match(both.stderr, /no user extended attributes.*--upper.*--copy of tsrun run --image/)
  t.match(both, { status: 0, stdout: 'ran\n' }, both.stderr)
})

/** Runs commands where `on` is an overlay, to which no other overlay can write. */
const ON_OVERLAY =
  'cd "$0"; mkdir lower up work on; mount -t overlay overlay -o lowerdir=lower,upperdir=up,workdir=work on; exec "$@"'

t.test('as root, on an overlay', { skip }, async t => {
  const directory = scratch(t)
  const root = scratch(t)
  mkdirSync(join(root, 'bin'))
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'))
  symlinkSync('busybox', join(root, 'bin/echo'))
  const images = openImages({ directory: join(directory, 'store') })
  await images.importRoot(root, 'app:1')
  const run = (flag: string) => {
    const tsrun = [RUNNER, TSRUN, '--root', join(directory, 'state'), 'run', '--store', images.directory]
    const words = ['--image', 'app:1', flag, 'on/it', `tsrun-no-overlay-${process.pid}`, '--', '/bin/echo', 'ran']
    return execute('unshare', ['-m', 'sh', '-ec', ON_OVERLAY, scratch(t), ...tsrun, ...words])
  }
  t.match(run('--upper'), { status: 1, stderr: /EINVAL.*another overlay.*--upper.*--copy of tsrun run --image/ })
  const copied = run('--copy')
  t.match(copied, { status: 0, stdout: 'ran\n' }, copied.stderr)
})
