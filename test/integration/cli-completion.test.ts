import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeBundle } from '../bundle.js'
import { commandOn, execute, TSRUN, tsrun } from '../command.js'
import { missing } from '../needs.js'

/** Types each line and a tab into an interactive shell, and prints what stands there then. */
const TYPIST = `
import json, os, pty, select, sys, time
arguments, script, lines = json.loads(sys.argv[1])
pid, fd = pty.fork()
if pid == 0: os.execvp(arguments[0], arguments)
def read(until):
  data, end = '', time.time() + 20
  while until not in data and time.time() < end:
    if select.select([fd], [], [], 0.1)[0]:
      try: data += os.read(fd, 65536).decode()
      except OSError: break
  return data
def write(text): os.write(fd, text.encode())
write(script + '; echo rea""dy\\n')
read('ready')
results = []
for typed, expected in lines:
  write(typed + '\\t')
  results.append(expected in read(expected))
  write('\\x15')
write('exit\\n')
try:
  while os.read(fd, 65536): pass
except OSError: pass
os.waitpid(pid, 0)
print(json.dumps(results))`

/** A directory with the command and the script of a shell. */
function prepared(t: Test, shell: string) {
  const folder = t.testdir()
  symlinkSync(TSRUN, join(folder, 'tsrun'))
  const { status, stdout } = tsrun(['completion', shell])
  t.equal(status, 0)
  writeFileSync(join(folder, 'script'), stdout)
  return { folder, env: { PATH: `${folder}:${process.env.PATH}`, TERM: 'dumb', HOME: folder, PS1: '$ ' } }
}

const LINES = [
  ['tsrun pau', 'tsrun pause '],
  ['tsrun list --format=j', 'tsrun list --format=json '],
  ['tsrun --log-format te', 'tsrun --log-format text '],
  ['tsrun exec --no-n', 'tsrun exec --no-new-privs '],
  ['tsrun run --bundle=/et', 'tsrun run --bundle=/etc/'],
  ['tsrun run --bundle /et', 'tsrun run --bundle /etc/'],
] as const

for (const [shell, words, load] of [
  ['bash', ['bash', '--norc', '--noprofile', '-i'], 'source script'],
  ['zsh', ['zsh', '-f', '-i'], 'autoload -U compinit; compinit -u -D; source ./script'],
] as const) {
  t.test(`${shell} completes`, { skip: missing(shell, 'python3') }, async t => {
    const { folder, env } = prepared(t, shell)
    const input = JSON.stringify([words, load, LINES])
    const { stdout, stderr } = execute('python3', ['-c', TYPIST, input], { cwd: folder, env })
    const results = JSON.parse(stdout || '[]')
    for (const [index, [typed]] of LINES.entries()) t.equal(results[index], true, `${typed} ${stderr}`)
  })
}

t.test('fish completes', { skip: missing('fish') }, async t => {
  const { folder, env } = prepared(t, 'fish')
  for (const [typed, expected] of LINES) {
    const line = `source script; complete -C ${JSON.stringify(typed)}`
    const { stdout } = execute('fish', ['--no-config', '-c', line], { cwd: folder, env })
    const [word = ''] = expected.trimEnd().split(' ').slice(-1)
    t.ok(
      stdout.split('\n').some(candidate => candidate.split('\t')[0] === word),
      `${typed}: ${stdout}`,
    )
  }
})

t.test('containers are completed, with their status', { skip: missing('root', 'busybox') }, async t => {
  const box = makeBundle(t)
  const run = commandOn(box)
  t.equal(run(['create', box.id('one')]).status, 0)
  t.same(run(['completion', 'words', '--', 'start', '']).stdout, `${box.id('one')}\tcreated\n`)
  const other = tsrun(['completion', 'words', '--', '--root', box.runtime.root, 'start', ''])
  t.same(other.stdout, `${box.id('one')}\tcreated\n`)
})

t.test('another shell is refused', async t => {
  t.match(tsrun(['completion', 'tcsh']), { status: 1, stderr: /no such shell: tcsh \(bash, zsh, fish\)/ })
})
