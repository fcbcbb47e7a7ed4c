import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { runWriteJob } from '../../lib/sys/job.js'

t.test('a write that has to wait does not hold the event loop', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'tsrun-write-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  const [reader, filler, writer] = [
    openSync(path, constants.O_RDONLY | constants.O_NONBLOCK),
    openSync(path, constants.O_WRONLY | constants.O_NONBLOCK),
    openSync(path, constants.O_WRONLY),
  ]
  t.teardown(() => [reader, filler, writer].forEach(closeSync))
  const page = Buffer.alloc(4096)
  const isFull = (): boolean => {
    try {
      return writeSync(filler, page) === 0
    } catch {
      return true
    }
  }
  while (!isFull());
  let isWritten = false
  const written = runWriteJob(writer, 'limit', path).then(() => {
    isWritten = true
  })
  for (let turn = 0; turn < 1000; turn++) await setImmediate()
  t.notOk(isWritten, 'it waits, and the loop has gone on')
  while (!isWritten) {
    try {
      readSync(reader, page)
    } catch {}
    await setImmediate()
  }
  await written
})

t.test('what the kernel refuses is an error with the path', async t => {
  const fd = openSync('/dev/null', constants.O_RDONLY)
  t.teardown(() => closeSync(fd))
  await t.rejects(runWriteJob(fd, 'limit', 'memory.max'), {
    code: 'ERR_SYSTEM',
    message: /^write\(.*memory\.max.*EBADF/,
  })
})
