import { spawnSync } from 'node:child_process'
import t from 'tap'

t.test('the reference of the library and its other entries is that of their doc comments', async t => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/reference.mjs', '--check'], { encoding: 'utf8' })
  t.equal(status, 0, stderr)
})
