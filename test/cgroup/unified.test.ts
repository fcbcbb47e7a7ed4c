import { fileURLToPath } from 'node:url'
import t from 'tap'
import { missing } from '../needs.js'

const mount = 'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && exec "$@"'
const skip = missing('root', 'cgroup-v2')

function viewing(file: string): string[] {
  const path = fileURLToPath(new URL(file, import.meta.url))
  return ['-m', 'sh', '-c', mount, 'sh', process.execPath, ...process.execArgv, path]
}

t.test('If only version 2 is mounted, all works the same.', { skip }, async t => {
  await t.spawn('unshare', viewing('unified-view.ts'), 'the tests in that view')
})

t.test('If only version 2 is mounted, limits are written in its words.', { skip }, async t => {
  await t.spawn('unshare', viewing('unified-limits-view.ts'), 'the tests in that view')
})
