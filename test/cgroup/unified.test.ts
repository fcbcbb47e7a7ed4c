import { fileURLToPath } from 'node:url'
import t from 'tap'
import { missing } from '../needs.js'

const view = fileURLToPath(new URL('unified-view.ts', import.meta.url))
const mount = 'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && exec "$@"'
const command = ['-m', 'sh', '-c', mount, 'sh', process.execPath, ...process.execArgv, view]

t.test('Where only version 2 is mounted, all works the same.', { skip: missing('root', 'cgroup-v2') }, async t => {
  await t.spawn('unshare', command, 'the tests in that view')
})
