/** A file that is read on a thread of its own, since its file system may not answer; that of /proc does. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readRegularLater } from '../../lib/sys/job.js'

const ON_PROC = '/proc/version'

t.test('what is read is what is in the file', async t => {
  const directory = mkdtempSync('/tmp/tsrun-test-')
  t.teardown(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'file')
  writeFileSync(file, 'x'.repeat(100_000))
  t.same(await readRegularLater({ path: file, limit: 100_000 }), readFileSync(file))
  t.same(await readRegularLater({ path: ON_PROC, limit: 10_000 }), readFileSync(ON_PROC), 'on a thread')
  const long = '/proc/kallsyms'
  t.same(await readRegularLater({ path: long, limit: 2 ** 30 }), readFileSync(long), 'in many blocks')
})

t.test('what is not read', async t => {
  t.equal(await readRegularLater({ path: '/tmp', limit: 2 ** 20 }), 'a directory')
  t.equal(await readRegularLater({ path: '/proc/self', limit: 10 }), 'a directory')
  t.equal(await readRegularLater({ path: '/dev/null', limit: 10 }), 'a device')
  t.equal(await readRegularLater({ path: process.execPath, limit: 10 }), whyNot(process.execPath, 10))
  await t.rejects(
    readRegularLater({ path: ON_PROC, limit: 10 }),
    { code: 'ERR_SYSTEM', message: /EFBIG/ },
    'no size is told beforehand',
  )
})

const whyNot = (path: string, limit: number) => `${readFileSync(path).length} bytes, above the limit of ${limit}`

t.test('errors name the path', async t => {
  for (const path of ['/proc/absent', '/tmp/tsrun-absent']) {
    await t.rejects(readRegularLater({ path, limit: 10 }), { message: new RegExp(`${path}.*ENOENT`) })
  }
  await t.rejects(
    readRegularLater({ path: `${ON_PROC}\0x`, limit: 10_000 }),
    { code: 'ERR_SYSTEM', message: /EINVAL/ },
    'no other file',
  )
  const signal = AbortSignal.abort(new Error('enough'))
  await t.rejects(readRegularLater({ path: ON_PROC, limit: 10_000, signal }), { message: 'enough' })
})
