import { readFileSync } from 'node:fs'
import t from 'tap'
import { closeFd, isThereBeneath, openDirectory, writeLinesBeneath } from '../../lib/sys/beneath.js'
import { fileSystemMagic } from '../../lib/sys/file.js'

t.test('Each line is written with a write of its own, without its end.', async t => {
  const directory = t.testdir({ file: '' })
  const fd = openDirectory(directory)
  t.teardown(() => closeFd(fd))
  t.equal(writeLinesBeneath(fd, 'file', ['one', 'two', 'three']), null)
  t.equal(readFileSync(`${directory}/file`, 'utf8'), 'onetwothree')
  t.equal(writeLinesBeneath(fd, 'file', []), null)
})

t.test('The first line that is refused is told, and what comes after it is not written.', async t => {
  const fd = openDirectory('/dev')
  t.teardown(() => closeFd(fd))
  t.same(writeLinesBeneath(fd, 'full', ['one', 'two']), { line: 0, errno: 'ENOSPC' })
})

t.test('A line in the middle that is refused is told by its place.', async t => {
  const fd = openDirectory('/proc/self')
  t.teardown(() => closeFd(fd))
  const before = readFileSync('/proc/self/oom_score_adj', 'utf8').trim()
  t.same(writeLinesBeneath(fd, 'oom_score_adj', [before, '5000', '0']), { line: 1, errno: 'EINVAL' })
  t.equal(readFileSync('/proc/self/oom_score_adj', 'utf8').trim(), before)
})

t.test('A file that is not there, or not below, is no file to write to.', async t => {
  const directory = t.testdir({ inner: { file: '' }, outer: '', link: t.fixture('symlink', 'outer') })
  const fd = openDirectory(`${directory}/inner`)
  t.teardown(() => closeFd(fd))
  t.same(writeLinesBeneath(fd, 'none', ['x']), { line: 0, errno: 'ENOENT' })
  t.same(writeLinesBeneath(fd, '../outer', ['x']), { line: 0, errno: 'EXDEV' })
  t.ok(isThereBeneath(fd, 'file'))
  t.notOk(isThereBeneath(fd, 'none'))
  t.throws(() => isThereBeneath(fd, '../outer'), { message: /EXDEV/ })
  const above = openDirectory(directory)
  t.teardown(() => closeFd(above))
  t.same(writeLinesBeneath(above, 'link', ['x']), { line: 0, errno: 'ELOOP' })
  t.equal(readFileSync(`${directory}/outer`, 'utf8'), '')
})

t.test('The magic number tells what kind of file system a descriptor is on.', async t => {
  const fd = openDirectory('/proc')
  t.teardown(() => closeFd(fd))
  t.equal(fileSystemMagic(fd), 0x9fa0)
})
