import { fileURLToPath } from 'node:url'
import t from 'tap'
import { missing } from '../needs.js'

const skip = missing('root', 'busybox', 'cgroup-v2')
const mount = 'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && exec "$@"'
const view = fileURLToPath(new URL('unified-view.ts', import.meta.url))

t.test('config-linux.md#control-groups: if only version 2 is mounted', { skip }, async t => {
  const command = ['-m', 'sh', '-c', mount, 'sh', process.execPath, ...process.execArgv, view]
  await t.spawn('unshare', command, 'the tests in that view')
})
