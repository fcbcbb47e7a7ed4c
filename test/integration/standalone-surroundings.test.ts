/** Both forms of the command where nothing is as it should be: streams, limits, disks, records and documents. They say and return the same. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { execute, type Outcome } from '../command.js'
import { effort } from '../effort.js'
import { EXECUTABLE, NODE_FORM, settled } from '../forms.js'
import { missing } from '../needs.js'

/** Of all cases this many are left out for each that is tried, but for the night. */
const STEP = effort.times > 1 ? 1 : 20

type Scripts = Readonly<Record<string, string>>

/** What is called; `$T` is a folder of its own, in which it runs. */
const CALLS: Scripts = {
  list: 'list',
  state: 'state x',
  kill: 'kill x',
  delete: 'delete x',
  force: 'delete --force x',
  start: 'start x',
  exec: 'exec x true',
  update: 'update --memory 1 x',
  ps: 'ps x',
  events: 'events --stats x',
  plan: 'plan "$T/none"',
  run: 'run --bundle "$T/none" x',
  spec: 'spec',
  features: 'features',
  help: '--help',
  version: 'help run',
  completion: 'completion bash',
}

/** How: `CALL` is the call. */
const SURROUNDINGS: Scripts = {
  'no input': '"$@" --root "$T/state" CALL <&-',
  'no output': '"$@" --root "$T/state" CALL >&-',
  'no errors': '"$@" --root "$T/state" CALL 2>&-',
  'no streams': '"$@" --root "$T/state" CALL <&- >&- 2>&-',
  'a full output': '"$@" --root "$T/state" CALL >/dev/full',
  'full errors': '"$@" --root "$T/state" CALL 2>/dev/full',
  'a directory as input': '"$@" --root "$T/state" CALL </',
  // The reader has gone when the pipe's last name has: nothing is left to chance.
  'no reader': 'mkfifo pipe; : <pipe & exec 3>pipe; wait; "$@" --root "$T/state" CALL >&3',
  'no environment': 'env -i "$@" --root "$T/state" CALL',
  'a variable that is no UTF-8': 'A="$(printf \'a\\377b\')" "$@" --root "$T/state" CALL',
  'a large variable': 'A="$(printf %0100000d 1)" "$@" --root "$T/state" CALL',
  'homes that are not there': 'XDG_RUNTIME_DIR=/no TMPDIR=/no HOME=/no "$@" CALL',
  'a large word': '"$@" --root "$T/state" CALL "$(printf %0100000d 1)"',
  'a word that is no UTF-8': '"$@" --root "$T/state" CALL "$(printf \'a\\377b\')"',
  'an empty word': '"$@" --root "$T/state" CALL ""',
  'a word with controls': '"$@" --root "$T/state" CALL "$(printf \'a\\nb\\033[31m\')"',
  'a file as root': 'touch f; "$@" --root "$T/f" CALL',
  'a root in a file': 'touch f; "$@" --root "$T/f/g" CALL',
  'a root of links': 'ln -s l l; "$@" --root "$T/l" CALL',
  'a relative root': '"$@" --root relative CALL',
  'a long root': '"$@" --root "$T/$(printf %05000d 1)" CALL',
  'a root with a long name': '"$@" --root "$T/$(printf %0300d 1)" CALL',
  'a root that is no UTF-8': '"$@" --root "$T/$(printf \'a\\377b\')" CALL; ls -b',
  'a full log': '"$@" --root "$T/state" --log /dev/full --debug CALL',
  'a directory as log': '"$@" --root "$T/state" --log "$T" CALL',
  'files that may have no content': '{ ulimit -f 0; "$@" --root "$T/state" CALL; echo $?; } 2>&1 | cat',
}

/** As root: with a file system for it, in a mount namespace of its own. */
const DISKS: Scripts = {
  'a root that is read-only': 'mount -t tmpfs -o ro none disk; "$@" --root "$T/disk/s" CALL',
  'a log that is read-only': 'mount -t tmpfs -o ro none disk; "$@" --root "$T/s" --log "$T/disk/l" CALL',
  'a full disk': 'mount -t tmpfs -o size=4k none disk; cat /dev/zero >disk/x 2>/dev/null; "$@" --root "$T/disk/s" CALL',
}

/** What is in the place of a container's directory. */
const RECORDS: Scripts = {
  file: 'printf x >state/x',
  'an empty directory': 'mkdir state/x',
  'a link': 'ln -s /etc state/x',
  'no bytes': 'mkdir state/x; : >state/x/state',
  'no JSON': 'mkdir state/x; echo "{" >state/x/state',
  NUL: 'mkdir state/x; printf "\\0\\0\\n" >state/x/state',
  array: 'mkdir state/x; echo "[]" >state/x/state',
  number: 'mkdir state/x; echo 1e400 >state/x/state',
  'a later version': 'mkdir state/x; echo "{\\"version\\":99}" >state/x/state',
  'half of one': 'mkdir state/x; echo "{\\"version\\":1}" >state/x/state',
  'no UTF-8': 'mkdir state/x; printf "{\\"version\\":1,\\"id\\":\\"\\377\\"}\\n" >state/x/state',
  prototype: 'mkdir state/x; echo "{\\"version\\":1,\\"__proto__\\":{\\"id\\":\\"x\\"}}" >state/x/state',
  'deep arrays': 'mkdir state/x; head -c 100000 /dev/zero | tr "\\0" "[" >state/x/state; echo >>state/x/state',
  'deep and whole':
    'mkdir state/x; for c in "[" "]"; do head -c 100000 /dev/zero | tr "\\0" "$c"; done >state/x/state; echo >>state/x/state',
  large: 'mkdir state/x; truncate -s 70M state/x/state',
  'a directory for it': 'mkdir -p state/x/state',
  'a link for it': 'mkdir state/x; ln -s /etc/passwd state/x/state',
  'a pipe for it': 'mkdir state/x; mkfifo state/x/state',
}
const OF_RECORDS = ['list', 'state', 'kill', 'delete', 'force', 'start', 'exec', 'update', 'ps', 'events']

/** What is in the place of a document. */
const DOCUMENTS: Scripts = {
  nothing: ':',
  NUL: 'printf "\\0"',
  'a byte order mark': 'printf "\\357\\273\\277{}"',
  'UTF-16': 'printf "\\377\\376{\\0}\\0"',
  'no UTF-8': 'printf "{\\"a\\":\\"\\377\\"}"',
  controls: 'printf "{\\"a\\":\\"\\001\\"}"',
  'a large number': 'printf "{\\"ociVersion\\":1e999}"',
  more: 'printf "{} x"',
  prototype: 'printf "{\\"__proto__\\":1,\\"constructor\\":2,\\"ociVersion\\":\\"1.0.0\\"}"',
  'half a surrogate': 'printf "\\"\\\\\\\\ud800\\""',
  'a large text':
    'printf "{\\"ociVersion\\":\\"1.0.0\\",\\"hostname\\":\\""; head -c 10000000 /dev/zero | tr "\\0" x; printf "\\"}"',
  'many items':
    'printf "{\\"ociVersion\\":\\"1.0.0\\",\\"process\\":{\\"args\\":["; yes "\\"a\\"," | head -n 100000; printf "1]}}"',
}
const OF_DOCUMENTS: Scripts = {
  plan: 'mkdir -p b/rootfs; mv document b/config.json; "$@" plan b',
  run: 'mkdir -p b/rootfs; mv document b/config.json; "$@" --root "$T/state" run -b b x; ls state',
  exec: 'mkdir state; "$@" --root "$T/state" exec -p document x',
  update: '"$@" --root "$T/state" update -r document x; "$@" --root "$T/state" update -r - x <document',
}

const both = (outer: Scripts, inner: Scripts, join: (outer: string, inner: string) => string) =>
  Object.entries(outer).flatMap(([one, how]) =>
    Object.entries(inner).map(([other, what]) => [`${other} with ${one}`, join(how, what)] as const),
  )

/** The name and the script of each. */
function allCases(): readonly (readonly [name: string, script: string])[] {
  const called = (how: string, call: string) => how.replace('CALL', call)
  const ofRecords = Object.fromEntries(OF_RECORDS.map(name => [name, CALLS[name] ?? '']))
  return [
    ...both(SURROUNDINGS, CALLS, called),
    ...(missing('root') ? [] : both(DISKS, CALLS, called)),
    ...both(RECORDS, ofRecords, (made, call) => `mkdir state; ${made}; "$@" --root "$T/state" ${call}; ls state`),
    ...both(DOCUMENTS, OF_DOCUMENTS, (made, call) => `{ ${made}; } >document; ${call}`),
  ]
}

/** In a folder that is there anew for each, at the same place. */
function answerOf(form: string, script: string, folder: string): Outcome {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'disk'), { recursive: true })
  // Of the runner of these tests, which looks into each process of Node.
  const words = ['-c', `unset NODE_OPTIONS; ${script}`, 'sh', form]
  const [program, ...before] = missing('root') ? ['/bin/sh'] : ['unshare', '-m', '/bin/sh']
  const { status, stdout, stderr } = settled(
    execute(program ?? '', [...before, ...words], { cwd: folder, env: { T: folder } }),
  )
  // A tool of the script may name the form, and the shell numbers its lines.
  const named = (text: string) => text.replaceAll(form, 'tsrun').slice(0, 5000)
  return { status, stdout: named(stdout), stderr: named(stderr) }
}

t.test(
  'in any surroundings both forms say and return the same',
  { skip: missing('standalone'), timeout: 900_000 },
  async t => {
    const folder = join(t.testdir(), 'place')
    const cases = allCases().filter((_, index) => index % STEP === effort.seed % STEP)
    t.comment(`${cases.length} cases`)
    // As a shell starts them: Node's form by the launcher that it begins with.
    const answers = cases.map(([name, script]) => {
      const [ours, theirs] = [EXECUTABLE, NODE_FORM].map(form => answerOf(form, script, folder))
      return { name, script, ours, theirs, isSame: JSON.stringify(ours) === JSON.stringify(theirs) }
    })
    t.same(
      answers.filter(({ isSame }) => !isSame),
      [],
    )
    // Above 128 is a signal, but for the statuses that exec returns.
    const ended = answers.filter(
      ({ ours }) => ours?.status === null || ((ours?.status ?? 0) > 128 && ours?.status !== 255),
    )
    t.same(ended, [], 'none is ended by a signal')
    t.ok(new Set(answers.map(({ ours }) => JSON.stringify(ours))).size > cases.length / 10, 'answers are of many kinds')
  },
)
