/** Directories that others make and remove at the same time. */
import { spawn } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isDirectory, makeDirectories } from '../../lib/sys/file.js'

/** Makes and removes a directory until it is killed. */
const RESTLESS = `
const { mkdirSync, rmdirSync } = require('node:fs')
for (;;) {
  try { mkdirSync(process.argv[1]) } catch {}
  try { rmdirSync(process.argv[1]) } catch {}
}`
const TIMES = 10_000

t.test('a directory that comes and goes is no error', async t => {
  const path = join(t.testdir({}), 'restless')
  const other = spawn(process.execPath, ['-e', RESTLESS, path], { stdio: 'ignore' })
  t.teardown(() => other.kill('SIGKILL'))
  for (let time = 0; time < TIMES; time++) makeDirectories(path, 0o700)
  other.kill('SIGKILL')
  await new Promise(resolve => other.once('exit', resolve))
  makeDirectories(path, 0o700)
  t.ok(isDirectory(path))
})

t.test('a link that leads nowhere is one', async t => {
  const path = join(t.testdir({}), 'link')
  symlinkSync('nowhere', path)
  t.throws(() => makeDirectories(path, 0o700), /EEXIST/)
})
