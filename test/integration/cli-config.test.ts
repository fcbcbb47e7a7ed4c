/** What stands in place of a good config.json. */
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { commandOn, execute } from '../command.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }
const COMMANDS = [['create'], ['run'], ['run', '--detach'], ['plan']]

t.test('a syntax error is told with file, line and column', skip, async t => {
  const box = makeBundle(t)
  const file = join(box.bundle, 'config.json')
  writeFileSync(file, '{\n  "ociVersion": "1.0.2",\n  "process": { "args": ["sh" "-c"] }\n}\n')
  for (const words of COMMANDS) {
    const { status, stderr } = commandOn(box)([...words, words[0] === 'plan' ? box.bundle : box.id()])
    t.equal(status, 1, words.join(' '))
    t.match(stderr, `/process/args: must be a comma or the end of the array, but is `)
    t.match(stderr, `(${file}, line 3, column 30)`)
  }
})

t.test('what is no regular file is refused at once', skip, async t => {
  const box = makeBundle(t)
  const file = join(box.bundle, 'config.json')
  const make: Readonly<Record<string, () => unknown>> = {
    'a fifo': () => execute('mkfifo', [file]),
    'a directory': () => mkdirSync(file),
    'a device': () => symlinkSync('/dev/zero', file),
    'ENXIO: ': () =>
      execute('python3', ['-c', `import socket; socket.socket(socket.AF_UNIX).bind(${JSON.stringify(file)})`]),
    'ENOENT: no such file or directory': () => symlinkSync('/no/such/file', file),
    'ELOOP: ': () => symlinkSync(file, file),
  }
  for (const [what, put] of Object.entries(make)) {
    rmSync(file, { recursive: true, force: true })
    put()
    for (const words of COMMANDS) {
      const begun = performance.now()
      const { status, stderr } = commandOn(box)([...words, words[0] === 'plan' ? box.bundle : box.id()])
      t.equal(status, 1, `${what}: ${words.join(' ')}`)
      t.match(stderr, `expected a readable file ${file}, received ${what}`)
      t.ok(performance.now() - begun < 20_000, 'without waiting')
    }
  }
})

t.test('a giant file is not read', skip, async t => {
  const box = makeBundle(t)
  truncateSync(join(box.bundle, 'config.json'), 2 ** 40)
  for (const words of COMMANDS) {
    const { status, stderr } = commandOn(box)([...words, words[0] === 'plan' ? box.bundle : box.id()])
    t.match({ status, stderr }, { status: 1, stderr: /1099511627776 bytes, above the limit of 16777216/ })
  }
})

t.test('a document of exec or update is named where it is wrong', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => (config.process.args = ['/bin/sleep', '100']))
  const [run, id] = [commandOn(box), box.id()]
  t.equal(run(['run', '--detach', id]).status, 0)
  const file = join(box.directory, 'document.json')
  writeFileSync(file, '{ "args": [ ]\n "cwd": "/" }')
  const exec = run(['exec', '--process', file, id])
  t.match(exec, { status: 255, stderr: /exec failed: .*document\.json: must be a comma .*line 2, column 2/ })
  t.match(run(['update', '--resources', file, id]), { status: 1, stderr: /document\.json: must be a comma .*line 2/ })
  t.match(run(['update', '-r', '-', id], { input: '{' }), { status: 1, stderr: /standard input: .*line 1, column 2/ })
  writeFileSync(file, '{ "args": [ ], "cwd": "/" }')
  t.match(run(['exec', '-p', file, id]), { status: 255, stderr: /document\.json: \/process\/args/ })
})
