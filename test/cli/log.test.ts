import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type LogOptions, openLog } from '../../lib/cli/log.js'

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/

/** What a log file holds after a warning, an information and an error. */
function logged(folder: string, options: Omit<LogOptions, 'file'>): string {
  const file = join(folder, 'log')
  const log = openLog({ ...options, file })
  log.warning('careful')
  log.info('by the way')
  log.error('it "broke"\nbadly')
  return readFileSync(file, 'utf8')
}

t.test('in JSON there is exactly one object, the error: Podman reads the whole file as one', async t => {
  const { level, msg, time, ...more } = JSON.parse(logged(t.testdir(), { format: 'json', isDebug: false }))
  t.same({ level, msg, more }, { level: 'error', msg: 'it "broke"\nbadly', more: {} })
  t.match(time, TIME)
})

t.test('in JSON everything is there with --debug', async t => {
  const lines = logged(t.testdir(), { format: 'json', isDebug: true }).trimEnd().split('\n')
  t.same(
    lines.map(line => JSON.parse(line).level),
    ['warning', 'info', 'error'],
  )
})

t.test('in text there are warnings too, each entry in one line', async t => {
  const lines = logged(t.testdir(), { format: 'text', isDebug: false }).trimEnd().split('\n')
  t.equal(lines.length, 2)
  t.match(lines[0], /^time="[^"]+" level=warning msg="careful"$/)
  t.match(lines[1], /^time="[^"]+" level=error msg="it \\"broke\\"\\nbadly"$/)
})

t.test('the file is appended to, and made for all to read', async t => {
  const before = process.umask(0o022)
  t.teardown(() => process.umask(before))
  const folder = t.testdir()
  const once = logged(folder, { format: 'text', isDebug: false })
  const twice = logged(folder, { format: 'text', isDebug: false })
  t.ok(twice.startsWith(once) && twice.length > once.length)
  t.equal(statSync(join(folder, 'log')).mode & 0o777, 0o644)
})

t.test('a file that cannot be opened is an error at once', async t => {
  t.throws(() => openLog({ file: join(t.testdir(), 'no', 'log'), format: 'json', isDebug: false }), { code: 'ENOENT' })
})
